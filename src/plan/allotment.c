/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How many items a lane gets.
 *
 * A run is a share of the free items in proportion to the lane's speed, halved, so that later runs
 * can even out (guided self-scheduling); but at least `run_items`, unless not even that is there for
 * everybody. A run is merely a reservation and others may take its tail, so its length decides about
 * start-ups, not about balance. Leases are what balance depends on: they shrink with the time the job still
 * takes.
 *
 * A lane that computes many items at once, in a window whose preparation costs as much for one item as for all, gets
 * a window's worth by its measured speed. With few items that speed is low and the lease short, but the next one is
 * longer: after some leases they are as long as they may be.
 */

#include "plan/allotment.h"

#include <errno.h>

#include "base/macro.h"
#include "plan/hold.h"

#define RUN_LEASES_ORDERED 4    /* a run lasts so many target leases: longer ones only grow the spool */
#define RUN_LEASES_UNORDERED 20 /* a minute by default: starts are forgotten, changes of speed noticed */
#define RUN_TRIM 1.5            /* a reservation is cut when it is so many times too long */
#define LEASES_TO_END 4         /* a lease lasts at most this part of what the job still takes */
#define WINDOW_PARTS 8          /* … but not less than this part of a window: its preparation must pay */
#define SPOOL_PART_OF_RUNS 0.5  /* a run should end when the spool behind it is filled to this part */

/* How many items of the job the whole cluster would do in a microsecond. Lanes not yet measured count as
 * the mean. */
static double allot_total_speed(const Plan *plan, const Backlog *backlog) {
        unsigned n_elsewhere = 0, n_here;

        if (backlog->n_lanes == 0)
                return 0;
        for (size_t i = 0; i < plan->n_backlogs; i++)
                if (plan->backlogs[i] != backlog)
                        n_elsewhere += plan->backlogs[i]->n_lanes;
        n_here = MAX(plan->roster.n_lanes - n_elsewhere, backlog->n_lanes);
        return backlog->speed / backlog->n_lanes * n_here;
}

/* At least one. */
static uint64_t allot_whole_items(double n) {
        return n < 1 ? 1 : n < 0x1p62 ? (uint64_t) n : UINT64_C(1) << 62;
}

static uint64_t allot_lease_length(const Plan *plan, const Lane *lane, const Backlog *backlog) {
        const PlanSettings *settings = &plan->settings;
        double item_usec = lane_item_usec(lane, backlog, settings->lease_target_usec);
        double speed = allot_total_speed(plan, backlog), lease_usec, window_usec;

        if (!lane_pace(lane, backlog->job.id))
                return 1;
        window_usec = MIN((double) lane->window_items * item_usec, (double) settings->lease_window_usec);
        lease_usec = MAX((double) settings->lease_target_usec, window_usec);
        /* With nobody to share the rest with, short leases would only be dearer. */
        if (speed > 0 && (plan->roster.n_lanes > 1 || lane->window_items <= 1))
                lease_usec = MIN(lease_usec, backlog_n_missing(backlog) / speed / LEASES_TO_END);
        lease_usec = MAX(lease_usec, window_usec / WINDOW_PARTS);
        lease_usec = MAX(lease_usec, (double) settings->lease_minimum_usec);
        return allot_whole_items(lease_usec / item_usec);
}

/* The lane's part of what the cluster does. */
static double allot_share(const Plan *plan, const Lane *lane, const Backlog *backlog) {
        double total = allot_total_speed(plan, backlog);

        if (total > 0 && lane_pace(lane, backlog->job.id))
                return MIN(1 / lane_item_usec(lane, backlog, plan->settings.lease_target_usec) / total, 1.0);
        return 1.0 / MAX(plan->roster.n_lanes, 1u);
}

/* How many items from `first` on the lane will get to before the job ends or, in an ordered job, before a
 * run there would hold up the others: with the frontier at `first`, the spool takes so many items more. */
static double allot_run_most(const Plan *plan, const Lane *lane, const Backlog *backlog, uint64_t first) {
        double n = backlog_n_missing(backlog);

        if (backlog->job.delivery == PLAN_ORDERED) {
                double room = (double) (first - backlog->frontier) + backlog_spool_room(backlog);

                n = MIN(n, MAX(room, 0.0) * SPOOL_PART_OF_RUNS);
        }
        return n * allot_share(plan, lane, backlog);
}

static uint64_t allot_run_length(const Plan *plan, const Lane *lane, const Backlog *backlog,
                                 uint64_t first) {
        double length = 0;

        if (lane_pace(lane, backlog->job.id)) {
                double item_usec = lane_item_usec(lane, backlog, plan->settings.lease_target_usec);
                unsigned n_leases = backlog->job.delivery == PLAN_ORDERED ? RUN_LEASES_ORDERED
                                                                          : RUN_LEASES_UNORDERED;

                length = MIN(backlog_n_free(backlog) * allot_share(plan, lane, backlog) / 2,
                             n_leases * plan->settings.lease_target_usec / item_usec);
        }
        length = MAX(length, (double) backlog->job.run_items);
        length = MIN(length, allot_run_most(plan, lane, backlog, first));
        return allot_whole_items(length);
}

/* Gives back what was reserved too much because the lane is slower than it seemed: early, and in one piece,
 * so that others make runs of it. */
static int allot_trim_run(Plan *plan, Lane *lane) {
        Backlog *backlog = lane->run;
        uint64_t n_reserved = lane->run_end - lane->run_next, first, end = lane->run_end;
        double most = allot_run_most(plan, lane, backlog, lane->run_next);

        if (!lane_pace(lane, backlog->job.id) || n_reserved <= RUN_TRIM * most + 1)
                return 0;
        first = lane->run_next + MAX((uint64_t) most, UINT64_C(1));
        lane->run_end = first;
        return hold_release(plan, backlog, first, end);
}

/* Writes down a lease of items that are taken. */
static int allot_add_lease(Plan *plan, Lane *lane, Lease lease, usec_t now, PlanLease *ret) {
        Backlog *backlog = lease.backlog;
        int r;

        lease.n_left = lease.end - lease.first;
        lease.starts_run =
                        lane->n_leases == 0 || lane->stream != backlog || lane->stream_next != lease.first;
        r = lane_add_lease(lane, &lease, now);
        if (r < 0)
                return r;
        lane->stream = backlog;
        lane->stream_next = lease.end;
        if (lane->counted != backlog)
                lane_count(lane, backlog);
        plan->expiry_usec = MIN(plan->expiry_usec, lane_expiry_usec(lane, &plan->settings));

        *ret = (PlanLease) {
                .job = backlog->job.id,
                .first = lease.first,
                .end = lease.end,
                .run_end = lane->run == backlog && lane->run_next == lease.end ? lane->run_end : lease.end,
                .duplicate = lease.duplicate,
        };
        return 1;
}

int allot_from_run(Plan *plan, Lane *lane, usec_t now, PlanLease *ret) {
        Backlog *backlog = lane->run;
        Interval missing;
        Lease lease;
        uint64_t n;
        int r;

        r = allot_trim_run(plan, lane);
        if (r < 0)
                return r;
        if (!interval_set_next_gap(&backlog->done, lane->run_next, lane->run_end, &missing)) {
                lane->run = NULL;
                return 0;
        }
        n = MIN(allot_lease_length(plan, lane, backlog), missing.end - missing.first);
        lane->run_next = missing.first + n;
        lease = (Lease) {
                .backlog = backlog,
                .first = missing.first,
                .end = missing.first + n,
                .duplicate = interval_set_count(&backlog->shared, missing.first, missing.first + n) > 0,
        };
        return allot_add_lease(plan, lane, lease, now, ret);
}

int allot_run(Plan *plan, Lane *lane, Backlog *backlog, uint64_t first, uint64_t end, usec_t now,
              PlanLease *ret) {
        int r;

        r = hold_drop_run(plan, lane);
        if (r < 0)
                return r;
        lane->run = backlog;
        lane->run_next = first;
        lane->run_end = end;
        return allot_from_run(plan, lane, now, ret);
}

int allot_copy(Plan *plan, Lane *lane, Backlog *backlog, uint64_t first, uint64_t end, usec_t now,
               PlanLease *ret) {
        int r;

        r = interval_set_add(&backlog->shared, first, end);
        if (r < 0)
                return r;
        return allot_add_lease(plan, lane,
                               (Lease) { .backlog = backlog, .first = first, .end = end, .duplicate = true },
                               now, ret);
}

int allot_free(Plan *plan, Lane *lane, Backlog *backlog, usec_t now, PlanLease *ret) {
        uint64_t room, length;
        Interval gap;
        int r;

        if (!interval_set_next_gap(&backlog->taken, 0, backlog->job.n_items, &gap))
                return 0;

        /* The item at the frontier leaves the spool as soon as it comes: it always has room. */
        room = backlog_spool_room(backlog);
        if (gap.first == backlog->frontier)
                room = MAX(room, UINT64_C(1));
        if (room == 0) {
                backlog->spool_refused = true;
                return 0;
        }

        room = MIN(room, gap.end - gap.first);
        length = MIN(allot_run_length(plan, lane, backlog, gap.first), room);
        r = interval_set_add(&backlog->taken, gap.first, gap.first + length);
        if (r < 0)
                return r;
        backlog->split_refused = backlog->copy_refused = (BacklogRefusal) {};
        return allot_run(plan, lane, backlog, gap.first, gap.first + length, now, ret);
}
