/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The master's inside, shared by its parts only:
 *
 *     master.c          its life, and what it tells about itself
 *     master-jobs.c     jobs come, go, pause, fail and come back
 *     master-retain.c   what stores keep, and room for them
 *     master-workers.c  sessions come and go; what they say is passed on from here
 *     master-serve.c    leases, revocations
 *     master-commit.c   blocks become durable
 *     master-chores.c   what is due later: nobody is kept without work, failed jobs are tried again
 *     master-event.c    what the journal is told
 *     room.c            how much of a disk stores may use
 *
 * Each function is in the part that its comment names, and calls those of the parts below it; on_… of a timer call
 * upwards.
 */

#include "audit/shape.h"
#include "master/master-job.h"
#include "master/master-session.h"
#include "master/master.h"
#include "master/peer-address.h"
#include "master/range-log.h"
#include "plan/plan.h"

#define COMMIT_PAUSE_USEC (30 * USEC_PER_MSEC) /* the longest that an idle master waits with a commit */

/* A session with what the master knows of its worker. */
typedef struct MasterWorker {
        Master *master;
        MasterSession *session;
        char address[PEER_ADDRESS_SIZE];
        bool remote;
        usec_t added_usec;

        bool joined; /* and all of this counts from then */
        usec_t joined_usec, joined_realtime_usec;
        usec_t block_usec;      /* when its last block came */
        MasterCap cap;
        unsigned n_lanes_asked; /* lanes below this one ask for work */
        unsigned n_lanes;       /* in the plan: not more than asked, nor than the cap */
        MessageState state;
        RateWindow rate; /* of numbers */
        uint64_t n_blocks;
        RangeLog ranges;
} MasterWorker;

struct Master {
        sd_event *event;
        sd_event_source *commit_timer, *deadline_timer, *chores_timer, *retain_source, *changed_source;
        char *name;
        const Identity *identity;
        Identity *own_identity;
        const Disk *disk;
        bool once;
        unsigned workers_max;
        uint64_t spool_max_bytes;
        MasterRules rules;
        MasterCap (*on_cap)(const char *name, const char *id, void *userdata);
        void (*on_changed)(void *userdata);
        void *userdata;

        Auditor *auditor;
        Plan *plan;
        MasterJob **jobs;
        size_t n_jobs;
        MasterSessionOwner session_owner;
        MasterWorker **workers; /* in the order in which they came, joined or not */
        size_t n_workers, n_workers_allocated, n_joined;
        uint64_t last_number, n_remote;

        uint64_t served_generation; /* of the plan, when all lanes that wait were asked for last */
        usec_t commit_pause_usec;
        usec_t started_usec;
        usec_t idle_usec; /* since when there is no work; USEC_INFINITY: there is */
        bool dropping; /* segments lose their bitmaps, until there is room */
        StoreVacuum dropped;
        bool stopping, failed;
        Problem problem;
};

/* master.c */
void master_changed(Master *master); /* on_changed() will be called, soon and once */
/* Ends the loop with the sentence in master->problem. What is durable stays; all else is computed again. */
void master_fail(Master *master);

/* master-jobs.c */
MasterJob *master_job_by_id(const Master *master, uint64_t id);
/* The job's store does not take anything any more. */
void master_fail_job(Master *master, MasterJob *job, int error, const Problem *problem);
/* The job's problem is a lack of room, as it is now. */
void master_tell_lack(Master *master, MasterJob *job, int error, const Problem *why);
/* Opens the store again and goes on. Negative errno with a sentence: it is as failed as before. */
int master_revive_job(Master *master, MasterJob *job, Problem *problem);
void master_check_finished(Master *master, MasterJob *job);

/* master-retain.c */
uint64_t master_used_bytes(const Master *master); /* by the stores of all jobs */
/* Stores that failed are closed, and somebody may have made them smaller: looks what they have now. */
void master_measure_closed(Master *master);
/* room_check() by the rules. */
int master_look_for_room(const Master *master, const MasterJob *job, bool stopped, RoomLack *ret, Problem *problem);
/* The rules allow to drop bitmaps, and there may be some whose end helps the job. */
bool master_can_make_room(const Master *master, const MasterJob *job, const RoomLack *lack);
void master_make_room(Master *master); /* begins with it */
/*
 * Makes room for a running job that has too little, or fails it; makes the store of a finished one smaller, if the
 * rules say so. Looks once a second at most.
 */
void master_check_room(Master *master, MasterJob *job, usec_t now);
/* Whoever asked for a vacuum of the job's store, if anybody did, is told of its end. */
void master_end_vacuum(MasterJob *job, int error, const char *sentence);
int master_on_retain(sd_event_source *source, void *userdata);

/* master-workers.c */
extern const MasterSessionOwner master_session_owner; /* but for the name */
void master_drop_worker(Master *master, MasterWorker *worker); /* without a word; not from inside its session */
void master_announce_job(Master *master, const MasterJob *job);
const char *master_worker_id(const MasterWorker *worker, char ret[static 2 * SHA256_SIZE + 1]); /* "" before TLS */

/* master-chores.c */
void master_arm_chores(Master *master);
int master_on_chores(sd_event_source *source, uint64_t usec, void *userdata);

/* master-serve.c */
void master_serve_worker(Master *master, MasterWorker *worker);
void master_serve(Master *master); /* after anything that changed the plan */
int master_on_deadline(sd_event_source *source, uint64_t usec, void *userdata);
/* The plan is told how many lanes of the worker may get work. */
void master_update_lanes(Master *master, MasterWorker *worker, unsigned n_asked);

/* master-commit.c */
/* All jobs that are dirty; those that cannot be written fail. False: one of them did. */
bool master_commit(Master *master);
/* One job, which does not fail by it. 0 or negative errno with a sentence. */
int master_commit_job(Master *master, MasterJob *job, Problem *problem);
void master_schedule_commit(Master *master, MasterJob *job);
int master_on_commit_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* master-event.c */
void master_job_event(const Master *master, int priority, const char *message_id, const MasterJob *job,
                      const char *format, ...) _printf_(5, 6);
void master_worker_event(const Master *master, int priority, const char *message_id, const MasterWorker *worker,
                         const MasterJob *job, const char *format, ...) _printf_(6, 7);
/* A block of this worker was accepted. */
void master_note_block(const Master *master, MasterWorker *worker, const MasterJob *job, uint64_t sequence,
                       uint64_t n_primes);
/* Tells of the ranges that were begun up to then: of one job, or of all. */
void master_flush_ranges(const Master *master, MasterWorker *worker, const MasterJob *job, usec_t begin_usec);
