/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The master: its jobs, each with a store; one plan for all of them; a session for each worker whose connected
 * descriptor it is given. It opens no connection and no listening socket itself, and knows neither bus nor systemd.
 */

#include <gmp.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/problem.h"
#include "master/room.h"
#include "plan/plan.h"
#include "prime/certainty.h"
#include "prime/grid.h"
#include "store/store.h"
#include "wire/identity.h"
#include "wire/message.h"

typedef struct Master Master;

#define MASTER_JOBS_MAX 256
#define MASTER_PRIORITY_DEFAULT 100
#define MASTER_REASON_MAX 1024

/* What the admin of the master grants one worker. */
typedef struct MasterCap {
        unsigned threads_max; /* 0: no cap */
        unsigned cpu_percent; /* of one processor; 0: no cap */
} MasterCap;

/* How stores are kept. Zeros: the defaults. */
typedef struct MasterRules {
        StoreKeep keep;         /* of blocks that come */
        uint64_t segment_bytes; /* of new stores; 0: STORE_SEGMENT_SIZE_DEFAULT */
        uint64_t segment_span;  /* of new stores: numbers in a segment, at most; 0: any */
        RoomRules room;
        bool drop_oldest; /* where there is no room: the oldest segments lose their bitmaps, before work is paused */
} MasterRules;

typedef struct MasterSettings {
        const char *name;         /* for people; copied */
        const Identity *identity; /* must outlive the master; NULL: a key for this process only */
        bool once;                /* end the event loop when the only job is finished */
        unsigned workers_max;     /* 0: the default */
        uint64_t spool_max_bytes; /* of each job, before packing; 0: the default */
        const Disk *disk;         /* NULL: the real one */
        MasterRules rules;

        /* The cap of the worker with this name and id (hex); NULL: none has one. Asked when it joins, and again after
         * master_apply_caps(). */
        MasterCap (*on_cap)(const char *name, const char *id, void *userdata);
        /* From the event loop, after anything that the queries below would tell: a job's state, a worker that came or
         * went, work that ran out or came back. Many changes may share one call. NULL: nobody asks. */
        void (*on_changed)(void *userdata);
        void *userdata;
} MasterSettings;

/* 0 or negative errno with a sentence in `problem`. It has no job yet. */
int master_new(sd_event *event, const MasterSettings *settings, Master **ret, Problem *problem);

/* Does not commit: see master_stop(). */
Master *master_free(Master *master);

/* A worker is at the other end of `fd`, which is taken on failure too. -EBUSY: too many, or stopping. */
int master_add_worker(Master *master, int fd);

/* Makes everything that arrived durable and ends the event loop with 0, or with 1 if that failed. */
void master_stop(Master *master);

/* Another name, for the workers that join from now on. 0 or -ENOMEM. */
int master_set_name(Master *master, const char *name);

/* Other rules from now on, for the stores that are there as well. */
void master_set_rules(Master *master, const MasterRules *rules);

/* Asks on_cap() anew for all workers. */
void master_apply_caps(Master *master);

/* jobs */

typedef struct MasterJobSettings {
        const char *name; /* a word without '/', unique; copied */
        mpz_srcptr from;
        mpz_srcptr to; /* NULL: open */
        const char *store_path;
        StoreOptions store_options; /* zeros: what the rules say */
        unsigned priority; /* 1 … 1000; 0: the default */
        Certainty certainty; /* 0: that of the store, see store/store-certainty.h */
        bool paused;
} MasterJobSettings;

typedef enum MasterJobState {
        MASTER_JOB_RUNNING,
        MASTER_JOB_PAUSED,   /* by master_pause_job() */
        MASTER_JOB_FINISHED, /* every block is in order and durable */
        /*
         * The store does not take anything: see `problem`. master_pause_job(…, false) opens it again; for lack of space
         * that is tried by itself.
         */
        MASTER_JOB_FAILED,
} MasterJobState;

const char *master_job_state_name(MasterJobState state); /* "running" */

typedef struct MasterJobStatus {
        const char *name, *store_path; /* live as long as the job */
        uint64_t id;
        const Grid *grid;              /* likewise */
        MasterJobState state;
        const char *problem; /* a sentence; "" if there is none */
        unsigned priority;
        Certainty certainty; /* of all blocks together */
        StoreTotals totals;
        uint64_t n_blocks_present;  /* with the spool */
        uint64_t n_blocks_at_start; /* that were there when the job was opened */
        uint64_t n_disagreements;
        double rate; /* numbers a second, over the last 30 s; 0 unless it runs */
        usec_t finished_usec; /* clock_now_usec() when it finished; 0 not, or before it was opened */
} MasterJobStatus;

/*
 * Opens or makes the job's store and plans what is missing. -EEXIST with a sentence: a job of this name or interval is
 * there already; errors of grid_init() and store_open(). Nothing has changed after a failure.
 */
int master_add_job(Master *master, const MasterJobSettings *settings, Problem *problem);

/* All three: -ENOENT: no such job. Removing commits and closes the store, which stays as it is. */
int master_remove_job(Master *master, const char *name, Problem *problem);
int master_pause_job(Master *master, const char *name, bool paused, Problem *problem);
int master_set_job_priority(Master *master, const char *name, unsigned priority, Problem *problem);

/* How a vacuum ended. `error`: 0 or negative errno with its sentence; `done` is what was done in either case. */
typedef void (*MasterVacuumEnd)(int error, const char *sentence, const StoreVacuum *done, void *userdata);

/*
 * store_vacuum() of the job's store, a segment for each turn of the event loop. 0, and `on_end` will be called once,
 * from the event loop or with the end of the job or of the master; or, without that, -ENOENT: no such job; -EIO: its
 * store is closed; -EBUSY: it is under way already.
 */
int master_vacuum_job(Master *master, const char *name, uint64_t target_bytes, MasterVacuumEnd on_end, void *userdata,
                      Problem *problem);

/* store_rotate() of the job's store. 1: a segment was sealed; 0: there was nothing to seal; or a failure as above. */
int master_rotate_job(Master *master, const char *name, Problem *problem);

size_t master_n_jobs(const Master *master); /* in the order in which they were added */
void master_job_status(const Master *master, size_t index, MasterJobStatus *ret);
int master_find_job(const Master *master, const char *name, size_t *ret_index); /* 0 or -ENOENT */

/* workers */

typedef struct MasterWorkerStatus {
        char name[WIRE_NAME_MAX + 1], program[WIRE_NAME_MAX + 1];
        char id[2 * SHA256_SIZE + 1];
        char address[64]; /* of its connection, "" if it has none */
        usec_t joined_realtime_usec;
        unsigned n_threads; /* that its host has for it */
        MasterCap cap;
        unsigned threads_allowed, threads_applied; /* as it says itself */
        char note[WIRE_REASON_MAX + 1];
        double rate;         /* numbers a second, over the last 30 s */
        uint64_t n_blocks;   /* accepted since it joined */
        uint64_t n_leased;   /* blocks */
} MasterWorkerStatus;

/* Those that joined and are still there. */
size_t master_n_workers(const Master *master);
void master_worker_status(const Master *master, size_t index, MasterWorkerStatus *ret);

/* the whole */
const char *master_name(const Master *master);
const uint8_t *master_id(const Master *master); /* SHA256_SIZE bytes */
bool master_wants_workers(const Master *master); /* some running job misses a block: what TXT work= tells */
unsigned master_n_threads(const Master *master);
uint64_t master_n_remote(const Master *master); /* workers that ever came from an address that is not this host's */
usec_t master_started_usec(const Master *master);
const char *master_problem(const Master *master); /* why the event loop ended with 1; "" if it did not */
