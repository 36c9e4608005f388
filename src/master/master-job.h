/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A job with everything the master holds for it: its grid, its store, its state. */

#include <stdint.h>

#include "base/problem.h"
#include "master/master.h"
#include "master/rate-window.h"
#include "prime/grid.h"
#include "store/store.h"

/* Somebody wants the store to be smaller. */
typedef struct MasterVacuum {
        uint64_t target_bytes;
        StoreVacuum done;
        usec_t told_usec; /* when the log was told last */
        MasterVacuumEnd on_end; /* NULL: nobody does */
        void *userdata;
} MasterVacuum;

typedef struct MasterJob {
        char *name, *store_path;
        uint64_t id; /* from the definition alone: a restarted master, or another one, gives the same job the same id */
        Grid grid;
        Certainty certainty; /* asked for, or kept up; 0: what the places give */
        const Disk *disk;
        StoreOptions store_options;
        unsigned priority;
        bool paused;

        Store *store;             /* NULL: it failed */
        IntervalSet uncommitted;  /* blocks that were put since the last commit */
        usec_t looked_usec;       /* when the room on its file system was looked at, */
        uint64_t looked_bytes;    /* and what all stores had then */
        uint64_t n_dropped;       /* so many sealed segments are known to have no bitmaps */
        MasterVacuum vacuum;
        uint64_t n_disagreements; /* late results that differ from what is stored */
        uint64_t n_blocks_at_start;
        RateWindow rate; /* of numbers */

        bool finished; /* that was noted */
        usec_t finished_usec;

        /* after a failure */
        Problem problem;
        int error;                /* negative errno */
        usec_t failed_usec;
        bool kept;                /* workers are still to keep what they sent */
        usec_t retry_usec;        /* when to look whether there is room again; USEC_INFINITY: a person must say so */
        usec_t retry_pause_usec;
        StoreTotals last_totals;  /* of what was durable */
        uint64_t n_last_present;
} MasterJob;

/* Opens the store on `disk`, or makes it by the rules. 0 or negative errno with a sentence. */
int master_job_open(const MasterJobSettings *settings, const MasterRules *rules, const Disk *disk, MasterJob **ret,
                    Problem *problem);
MasterJob *master_job_free(MasterJob *job);

/* Closes the store, remembers why. What was not committed may be gone; the worker still has it. */
void master_job_fail(MasterJob *job, int error, const Problem *problem, usec_t now);

/*
 * Opens the store of a job that failed, if it is still there. 0; negative errno with a sentence, which is the job's
 * problem from then on.
 */
int master_job_reopen(MasterJob *job, Problem *problem);

MasterJobState master_job_state(const MasterJob *job);

/* Of an open store: all blocks are in order and durable. */
bool master_job_is_complete(const MasterJob *job);
bool master_job_is_dirty(const MasterJob *job); /* a commit is due */
