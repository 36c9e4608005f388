/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who computes what next, and what is still missing.
 *
 * A job is a row of items with the sequence numbers 0 … n-1. The plan knows nothing about what an item is,
 * reads no clock and touches neither sockets nor disk: time is an argument, and equal calls with equal seeds
 * give equal answers, so that a whole cluster can be tested on simulated time.
 *
 * Worker → plan: plan_lease() (pull), plan_result() for each finished item, plan_hand_back() for what it
 * will not finish. Time → plan: plan_advance(). Plan → worker: the answers, and plan_pop_revocation().
 *
 * A lane is one stream of leases: it does them in the order in which it got them, and the items of each in
 * ascending order. Results may come in bursts. A worker whose threads work together has one lane, whatever their
 * number.
 *
 * Times are microseconds of one monotonic clock and never decrease from call to call. All functions that can
 * fail return 0 or negative errno (-ENOMEM; -ENOENT for an unknown job or worker) unless they say otherwise.
 * After -ENOMEM from anything but an add, items may be held by nobody: start the plan anew from what is
 * done.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/interval-set.h"

typedef struct Plan Plan;

typedef struct PlanSettings {
        uint64_t seed;
        usec_t lease_target_usec;  /* what a lease should last, by the measured speed of its lane */
        usec_t lease_window_usec;  /* … at most for a lane that computes many items at once */
        usec_t lease_minimum_usec; /* leases shrink to this near the end of a job, but not below one item */
        unsigned leases_in_hand;   /* how many leases a lane may hold at once */

        /* A lease without any result for max(expiry_minimum_usec, expiry_factor × its expected time) is
         * given to somebody else too. */
        usec_t expiry_minimum_usec;
        double expiry_factor;
} PlanSettings;

#define PLAN_SETTINGS_DEFAULT                                                                               \
        ((PlanSettings) {                                                                                   \
                        .lease_target_usec = 3 * USEC_PER_SEC,                                              \
                        .lease_window_usec = 10 * USEC_PER_SEC,                                              \
                        .lease_minimum_usec = 200 * USEC_PER_MSEC,                                          \
                        .leases_in_hand = 2,                                                                \
                        .expiry_minimum_usec = 60 * USEC_PER_SEC,                                           \
                        .expiry_factor = 4,                                                                 \
        })

typedef enum PlanDelivery {
        PLAN_ORDERED,   /* results matter in order: the frontier is pushed, the spool is bounded */
        PLAN_UNORDERED, /* any order will do */
} PlanDelivery;

typedef struct PlanJob {
        uint64_t id;      /* chosen by the caller, unique */
        uint64_t n_items; /* > 0 */
        PlanDelivery delivery;
        unsigned priority;  /* weight, 1 … 1000: concurrent jobs share the lanes' time in proportion */
        uint64_t run_items; /* a run shorter than this wastes too much on its start; 1: no matter */

        /* Ordered: at most so many items are accepted, leased or reserved beyond the frontier; the item at
         * the frontier is always served. What comes unasked (late answers, `done` beyond a hole) does not
         * count. UINT64_MAX: no bound. */
        uint64_t spool_items_max;
} PlanJob;

/* One stretch of items for one lane of one worker. */
typedef struct PlanLease {
        uint64_t job;
        uint64_t first, end; /* items [first, end) */
        uint64_t run_end;    /* the lane will probably go on until here */
        bool duplicate;      /* another worker holds it too, but is late */
} PlanLease;

/* Items that are no longer wanted from a worker: somebody else delivered them or does them now, or the job
 * was ended. */
typedef struct PlanRevocation {
        uint64_t worker, job;
        uint64_t first, end;
} PlanRevocation;

typedef enum PlanAnswer {
        PLAN_GRANTED,
        PLAN_WAIT,           /* nothing to give now, but items are out with others or the spool is full: ask
                              * again when plan_generation() has changed */
        PLAN_NOTHING_LEFT,   /* no active job misses an item: ask again when it has changed */
        PLAN_ENOUGH,         /* the lane has leases_in_hand leases, or is late with one that has expired */
        PLAN_WORKER_UNKNOWN, /* or the lane does not exist */
} PlanAnswer;

typedef enum PlanVerdict {
        PLAN_RESULT_NEW,     /* the first for this item: accepted */
        PLAN_RESULT_KNOWN,   /* already accepted: compare with what is stored */
        PLAN_RESULT_FOREIGN, /* no such job or item */
} PlanVerdict;

/* lifetime */
int plan_new(const PlanSettings *settings, Plan **ret);
Plan *plan_free(Plan *plan);

/* jobs. `done`: items that are accepted and need no worker (may be NULL); copied. -EEXIST: id in use. */
int plan_job_add(Plan *plan, const PlanJob *job, const IntervalSet *done);
int plan_job_remove(Plan *plan, uint64_t job);                         /* revokes its leases */
int plan_job_pause(Plan *plan, uint64_t job, bool paused, usec_t now); /* pausing revokes them, too */
int plan_job_set_priority(Plan *plan, uint64_t job, unsigned priority);
/* An accepted item turned out to be lost (not written, quarantined): it is a hole again and goes first. */
int plan_job_lose(Plan *plan, uint64_t job, uint64_t first, uint64_t end);

/* workers. Lanes are numbered 0 … n_lanes-1. -EEXIST: id in use. What lost lanes held is free again. */
int plan_worker_add(Plan *plan, uint64_t worker, unsigned n_lanes, usec_t now);
int plan_worker_set_lanes(Plan *plan, uint64_t worker, unsigned n_lanes, usec_t now);
int plan_worker_remove(Plan *plan, uint64_t worker, usec_t now);

/* work. `ret` is written with PLAN_GRANTED only. A lease may take items from other lanes: pop the
 * revocations after it, as after plan_result(), plan_job_remove() and plan_job_pause(). */
PlanAnswer plan_lease(Plan *plan, uint64_t worker, unsigned lane, usec_t now, PlanLease *ret);
/* The lane computes so many items at once (0: not known): shorter leases cost it more per item, so it gets longer ones
 * than lease_target_usec if need be, up to lease_window_usec. */
void plan_lane_window(Plan *plan, uint64_t worker, unsigned lane, uint64_t n_items);
/* From any worker, known or not, leased or not, late or not. */
int plan_result(Plan *plan, uint64_t worker, uint64_t job, uint64_t item, usec_t now,
                PlanVerdict *ret_verdict);
int plan_hand_back(Plan *plan, uint64_t worker, uint64_t job, uint64_t first, uint64_t end, usec_t now);

/* time. At plan_next_deadline(), call plan_advance(): late leases expire, and waiting lanes may ask again.
 * The deadline changes with every call and may be too early, never too late. USEC_INFINITY: no need. */
usec_t plan_next_deadline(const Plan *plan);
int plan_advance(Plan *plan, usec_t now);

/* what the workers should be told. Pop them after every call above, and tell them before the lease that the
 * same call granted: it may take what another lane of the same worker has not begun. */
bool plan_pop_revocation(Plan *plan, PlanRevocation *ret);

/* Changes whenever a lane that had to wait might get something. */
uint64_t plan_generation(const Plan *plan);

/* queries; unknown jobs and workers give 0, false, NULL */
uint64_t plan_job_frontier(const Plan *plan, uint64_t job); /* items [0, frontier) are accepted */
const IntervalSet *plan_job_done(const Plan *plan, uint64_t job);
bool plan_job_finished(const Plan *plan, uint64_t job);
bool plan_has_work(const Plan *plan); /* some active job misses an item */
double plan_worker_speed(const Plan *plan, uint64_t worker, uint64_t job); /* items per second; 0: unknown */
uint64_t plan_worker_leased(const Plan *plan, uint64_t worker);            /* items it holds */
