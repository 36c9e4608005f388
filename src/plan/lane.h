/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One stream of leases: what a lane holds, the run it is in, and how fast it was.
 *
 * A lane does its leases in the order in which it got them, and the items of each in ascending order.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "plan/backlog.h"
#include "plan/pace.h"

typedef struct Lease {
        Backlog *backlog;
        uint64_t first, end; /* `first` is not done: it is what the lane works at, or will begin with */
        uint64_t n_left;     /* items in [first, end) that are not done */
        uint64_t backed_end; /* another lane computes the items below it too */
        bool starts_run;     /* the time to its first result includes the start of a run */
        bool duplicate;      /* another lane held it when it was granted */
        bool expired;        /* late: its items were made free */
} Lease;

typedef struct LanePace {
        uint64_t job;
        Pace pace;
} LanePace;

typedef struct Lane {
        uint64_t worker;

        Lease *leases; /* in the order of work; none without items left */
        size_t n_leases, n_allocated;
        usec_t asked_usec; /* last; it was told to wait then if `waits` */
        bool waits;
        usec_t begun_usec; /* the first lease's current item */

        /* the run */
        Backlog *run;               /* of this job, or NULL */
        uint64_t run_next, run_end; /* reserved, but not leased yet */
        Backlog *stream;            /* what the lane was given last … */
        uint64_t stream_next;       /* … and where it would go on without a new start */

        /* speed */
        LanePace *paces;
        size_t n_paces, n_paces_allocated;
        Backlog *counted;     /* whose speed includes this lane's, */
        double counted_speed; /* by so much */

        uint64_t window_items; /* that it computes at once, in the job it was at last; 0: not known */

        /* its share for a job, in advance */
        Backlog *credited;
        double credit_usec;
} Lane;

/* What a lane still has to do for a job, as far as one can tell. */
typedef struct Outlook {
        uint64_t n_begun;   /* items of the first lease, if it is this job's, that are probably being worked at */
        uint64_t n_waiting; /* items of this job that are leased to it or reserved for it after those */
        double item_usec;   /* for each of these */
        double begun_usec;  /* until the begun ones are done, of whichever job */
        double before_usec; /* until it is done with those and with the other jobs' leases */
        double busy_usec;   /* until all its leases are done */
        double finish_usec; /* until all its leases and its reservation are done */
        bool overdue;       /* the begun ones should be done already */
} Outlook;

/*
 * A Lane is embedded in its Member (roster.h); all zero but for `worker`, it is a lane that has nothing. It owns its
 * leases and paces, and only refers to Backlogs: before one of these is freed, every lane must lane_forget_job().
 * Functions that return int give 0 or -ENOMEM; the lane is unchanged then, except where it is said otherwise. Which
 * items are taken is no matter of this file: see hold.h.
 */

/* Frees the contents. The lane must be in no job's count any more: lane_count(lane, NULL). */
void lane_done(Lane *lane);

/* leases. A Lease pointer is good until the lane's leases change. */

/* Copies `lease` (n_left > 0) to the end of the row. */
int lane_add_lease(Lane *lane, const Lease *lease, usec_t now);
/* The lease that contains the item, done or not; NULL: none. */
Lease *lane_find_lease(const Lane *lane, const Backlog *backlog, uint64_t item);
/* Takes [first, end) of a job out of the lane's leases; drops those of which nothing is left, and may split one.
 * -ENOMEM: some leases may be uncut still. */
int lane_cut(Lane *lane, const Backlog *backlog, uint64_t first, uint64_t end, usec_t now);
/* After an item of this lease was accepted (from this lane: `own`): goes on to the next item that is missing, or drops
 * the lease when nothing is left of it. */
void lane_settle_item(Lane *lane, Lease *lease, uint64_t item, usec_t now, bool own);
bool lane_holds(const Lane *lane, const Backlog *backlog, uint64_t first, uint64_t end); /* leased, any of these */
bool lane_is_late(const Lane *lane);                                                     /* has an expired lease */

/* speed */

/* A result of the job came `elapsed_usec` after the lane had begun its item: see pace_add(). */
int lane_add_pace(Lane *lane, uint64_t job, usec_t elapsed_usec, uint64_t n_starting, usec_t memory_usec);
const Pace *lane_pace(const Lane *lane, uint64_t job); /* the lane's; NULL: no result yet */
/* Drops whatever refers to the job but leases, which must be gone already. */
void lane_forget_job(Lane *lane, const Backlog *backlog);
/* Counts the lane's speed in this job and in no other; NULL, or no speed known: in none. */
void lane_count(Lane *lane, Backlog *backlog);

/* The time an item of the job should take: measured here, or else the mean of the lanes, or else `fallback_usec`. */
double lane_item_usec(const Lane *lane, const Backlog *backlog, usec_t fallback_usec);
/* What the first item of a run takes longer; 0: nothing, or not known. */
double lane_start_usec(const Lane *lane, const Backlog *backlog);
Outlook lane_outlook(const Lane *lane, const Backlog *backlog, usec_t now, usec_t fallback_usec);

/* When the lane's leases, or its unused reservation, are overdue. USEC_INFINITY: it has neither, or is late already. */
usec_t lane_expiry_usec(const Lane *lane, const PlanSettings *settings);
