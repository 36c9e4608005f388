/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Jobs, workers and masters as tables. The records are those of bus/names.h; their text is plain already. */

#include <jansson.h>
#include <stddef.h>

#include "base/clock.h"
#include "ctl/table.h"

/* Prints the table, even of an empty list. 0 or negative errno. */
int listing_jobs(const json_t *jobs, const TableStyle *style);
int listing_workers(const json_t *workers, const TableStyle *style);
int listing_masters(const json_t *masters, const TableStyle *style, usec_t realtime_usec);

/* For people, in the caller's buffer: how much of a job is done ("34.21 %"; "-" for an open one). */
const char *listing_percent(const json_t *job, char *buffer, size_t size);

/* Which color a job's, a worker's or a master's state has. */
TerminalColor listing_state_color(const char *state);

/* A long integer in few characters, as number_format_short(). The caller frees. NULL when out of memory. */
char *listing_number(const char *digits);

/* "Thu 2026-11-22 12:00:01 UTC; 5 min 3 s ago". */
const char *listing_since(usec_t since_usec, usec_t realtime_usec, char *buffer, size_t size);
