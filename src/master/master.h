/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The master: one job, its plan, its store, and a session for each worker whose connected descriptor it is given.
 * It opens no connection and no listening socket itself.
 */

#include <gmp.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/problem.h"
#include "plan/plan.h"
#include "prime/grid.h"
#include "store/store.h"

typedef struct Master Master;

typedef struct MasterSettings {
        const char *name;       /* for people */
        const char *store_path;
        uint64_t segment_blocks;
        bool once;              /* end the event loop when the job is finished */
} MasterSettings;

/* `to` is NULL for an open job. 0 or negative errno with a sentence in `problem`. */
int master_new(sd_event *event, const MasterSettings *settings, const mpz_t from, const mpz_t to, Master **ret,
               Problem *problem);

/* Does not commit: see master_stop(). */
Master *master_free(Master *master);

/* A worker is at the other end of `fd`, which is taken. */
int master_add_worker(Master *master, int fd);

/* Makes everything that arrived durable and ends the event loop with 0, or with 1 if that failed. */
void master_stop(Master *master);

typedef enum MasterState {
        MASTER_RUNNING,
        MASTER_FINISHED, /* every block is in order and durable */
        MASTER_FAILED,   /* see master_problem() */
} MasterState;

typedef struct MasterStatus {
        MasterState state;
        const Grid *grid;
        StoreTotals totals;
        uint64_t n_blocks_present;  /* with the spool */
        uint64_t n_blocks_at_start; /* that were there when the master started */
        uint64_t n_disagreements;
        unsigned n_workers, n_lanes; /* that joined and are still there */
        usec_t started_usec;        /* clock_now_usec() */
} MasterStatus;

void master_status(const Master *master, MasterStatus *ret);
const char *master_problem(const Master *master); /* a sentence; empty if there is none */
