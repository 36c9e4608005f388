/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One job's items: which are accepted, with somebody, or free, and where the frontier is. */

#include <stdbool.h>

#include "base/clock.h"
#include "base/interval-set.h"
#include "plan/plan.h"

typedef struct BacklogRefusal {
        uint64_t generation;
        double cost_usec; /* in which the lane that looked could have done one item */
} BacklogRefusal;

typedef struct Backlog {
        PlanJob job;

        /* items: done ⊆ taken; what is not taken is free */
        IntervalSet done;   /* accepted */
        IntervalSet taken;  /* accepted, leased, or reserved for a run */
        IntervalSet shared; /* may be held by more than one lane, or by one that is late */
        uint64_t n_unasked; /* of the spool: accepted though nobody was given them; the bound is not for these */
        uint64_t frontier;
        usec_t frontier_usec; /* when it last moved */

        /* share of the workers */
        double pass;  /* lane time given so far, divided by the priority */
        double speed; /* items per microsecond of the lanes that are counted here */
        unsigned n_lanes;

        /* searches that found nothing: a slower lane need not look again before the generation changes */
        BacklogRefusal split_refused, copy_refused;
        usec_t frontier_check_usec; /* no straggler at the frontier can need help before */
        bool spool_refused;         /* the bound on the spool made a lane wait */

        bool paused;
        bool tried; /* in this search for a job */
} Backlog;

/* lifetime. `done` (may be NULL) is copied, without what lies beyond the job. 0, and *ret is the caller's, to be freed
 * with backlog_free(); or -ENOMEM. */
int backlog_new(const PlanJob *job, const IntervalSet *done, Backlog **ret);
Backlog *backlog_free(Backlog *backlog); /* no lane may refer to it any more: lane_forget_job(); returns NULL */

/* items. All return 0 or -ENOMEM, and keep done ⊆ taken in either case. They know nothing of the lanes: hold.h does. */

/* Accepts an item that is not done, whoever holds it. -ENOMEM: it is not accepted. */
int backlog_accept(Backlog *backlog, uint64_t item, usec_t now);

/* What is done in [first, end) is free again; the frontier goes back to it. -ENOMEM: some of it may be done still. */
int backlog_lose(Backlog *backlog, uint64_t first, uint64_t end);

/* What is not done in [first, end) is free, whoever holds it. -ENOMEM: some of it may be taken still. */
int backlog_release(Backlog *backlog, uint64_t first, uint64_t end);

/* queries */
uint64_t backlog_n_missing(const Backlog *backlog); /* not accepted */
uint64_t backlog_n_free(const Backlog *backlog);    /* not accepted and with nobody */
bool backlog_is_active(const Backlog *backlog);     /* not paused, and misses an item */

/* How many more items may be taken beyond the frontier. UINT64_MAX: any number. */
uint64_t backlog_spool_room(const Backlog *backlog);
