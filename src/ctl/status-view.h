/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What primectl status shows of a daemon. Records as in bus/names.h, plain already. */

#include <jansson.h>

#include "base/clock.h"
#include "ctl/table.h"

/* To standard output. 0 or negative errno. */
int status_view_master(const json_t *status, const json_t *jobs, const json_t *workers, const TableStyle *style,
                       usec_t realtime_usec);
int status_view_worker(const json_t *status, const json_t *masters, const TableStyle *style, usec_t realtime_usec);
