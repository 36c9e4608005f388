/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one line of `systemctl status` that says what the worker is doing. */

#include <stdbool.h>
#include <stddef.h>

#include "wire/handover.h"
#include "worker/allowance.h"

#define WORKER_STATUS_NAMES_MAX 3 /* masters that are named */

typedef struct WorkerStatus {
        unsigned n_threads; /* that there are */
        const Allowance *allowance;
        bool stopping;
        unsigned n_channels; /* to whom hands masters over */
        size_t n_orphans;    /* blocks of masters that are gone */

        /* by worker_status_add() */
        char names[WORKER_STATUS_NAMES_MAX][WIRE_NAME_MAX + 1];
        unsigned n_masters, threads;
        char note[WIRE_REASON_MAX + 1];
} WorkerStatus;

/* One joined session, as worker_session_describe() tells it. */
void worker_status_add(WorkerStatus *status, const HandoverReport *report);

void worker_status_text(const WorkerStatus *status, char *ret, size_t size);
