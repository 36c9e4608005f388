/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Who holds which items.
 *
 * An item that is taken and not done is held: leased to a lane, or reserved for its run. Mostly one lane
 * holds it. It may be more when a straggler's items were given to another lane too, or when a lease expired
 * (its lane keeps it, but the items were made free). Such items are in `shared`, and only for them are all
 * lanes searched: when one holder lets go, the others must keep the item, and when one delivers it, the
 * others must be told.
 *
 * A lane's reservation may contain items that are done (a late answer came): they are skipped when it is
 * leased.
 */

#include "plan/hold.h"

#include "base/macro.h"

int hold_release(Plan *plan, Backlog *backlog, uint64_t first, uint64_t end) {
        int r;

        r = backlog_release(backlog, first, end);
        if (r < 0)
                return r;
        plan->generation++;
        if (interval_set_count(&backlog->shared, first, end) == 0)
                return 0;

        for (RosterWalk walk = { .roster = &plan->roster };;) {
                Lane *lane = roster_walk(&walk);

                if (!lane)
                        return 0;
                for (size_t i = 0; i < lane->n_leases; i++) {
                        Lease *lease = lane->leases + i;

                        if (lease->backlog != backlog || lease->end <= first || end <= lease->first)
                                continue;
                        lease->backed_end = 0; /* who backed it may be the one who let go */
                        if (lease->expired)
                                continue;
                        r = interval_set_add(&backlog->taken, MAX(first, lease->first),
                                             MIN(end, lease->end));
                        if (r < 0)
                                return r;
                }
                if (lane->run == backlog) {
                        r = interval_set_add(&backlog->taken, MAX(first, lane->run_next),
                                             MIN(end, lane->run_end));
                        if (r < 0)
                                return r;
                }
        }
}

int hold_drop_run(Plan *plan, Lane *lane) {
        Backlog *backlog = lane->run;

        if (!backlog)
                return 0;
        lane->run = NULL;
        if (lane->run_next >= lane->run_end)
                return 0;
        return hold_release(plan, backlog, lane->run_next, lane->run_end);
}

int hold_give_back(Plan *plan, Lane *lane, Backlog *backlog, uint64_t first, uint64_t end, usec_t now) {
        int r;

        /* From behind: cutting one lease may drop it or put another one after it. */
        for (size_t i = lane->n_leases; i-- > 0;) {
                uint64_t cut_first = MAX(first, lane->leases[i].first),
                         cut_end = MIN(end, lane->leases[i].end);

                if (lane->leases[i].backlog != backlog || cut_first >= cut_end)
                        continue;
                r = lane_cut(lane, backlog, cut_first, cut_end, now);
                if (r < 0)
                        return r;
                r = hold_release(plan, backlog, cut_first, cut_end);
                if (r < 0)
                        return r;
                if (lane->run == backlog) {
                        r = hold_drop_run(plan, lane);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

int hold_empty_lane(Plan *plan, Lane *lane) {
        int r;

        r = hold_drop_run(plan, lane);
        if (r < 0)
                return r;
        while (lane->n_leases > 0) {
                Lease lease = lane->leases[lane->n_leases - 1];

                lane->n_leases--;
                r = hold_release(plan, lease.backlog, lease.first, lease.end);
                if (r < 0)
                        return r;
        }
        lane_count(lane, NULL);
        return 0;
}

int hold_expire(Plan *plan, Lane *lane) {
        int r;

        r = hold_drop_run(plan, lane);
        if (r < 0)
                return r;
        for (size_t i = 0; i < lane->n_leases; i++) {
                Lease *lease = lane->leases + i;

                if (lease->expired)
                        continue;
                lease->expired = true;
                r = hold_release(plan, lease->backlog, lease->first, lease->end);
                if (r < 0)
                        return r;
                r = interval_set_add(&lease->backlog->shared, lease->first, lease->end);
                if (r < 0)
                        return r;
        }
        lane_count(lane, NULL);
        return 0;
}

int hold_revive(Lane *lane) {
        int r;

        for (size_t i = 0; i < lane->n_leases; i++) {
                Lease *lease = lane->leases + i;

                if (!lease->expired)
                        continue;
                r = interval_set_add(&lease->backlog->taken, lease->first, lease->end);
                if (r < 0)
                        return r;
                lease->expired = false;
        }
        return 0;
}

int hold_revoke(Plan *plan, Lane *lane, Backlog *backlog, uint64_t first, uint64_t end, usec_t now) {
        PlanRevocation revocation = {
                .worker = lane->worker,
                .job = backlog->job.id,
                .first = first,
                .end = end,
        };
        int r;

        r = revocations_push(&plan->revocations, &revocation);
        if (r < 0)
                return r;
        return lane_cut(lane, backlog, first, end, now);
}

int hold_settle_item(Plan *plan, Lane *own, Backlog *backlog, uint64_t item, usec_t now) {
        Lease *lease = own ? lane_find_lease(own, backlog, item) : NULL;
        bool shared = interval_set_contains(&backlog->shared, item);
        int r;

        if (lease)
                lane_settle_item(own, lease, item, now, true);
        if (lease && !shared)
                return 0;
        if (shared) {
                r = interval_set_remove(&backlog->shared, item, item + 1);
                if (r < 0)
                        return r;
        }

        for (RosterWalk walk = { .roster = &plan->roster };;) {
                Lane *lane = roster_walk(&walk);
                PlanRevocation revocation;

                if (!lane)
                        return 0;
                if (lane == own)
                        continue;
                lease = lane_find_lease(lane, backlog, item);
                if (!lease)
                        continue;
                lane_settle_item(lane, lease, item, now, false);
                revocation = (PlanRevocation) {
                        .worker = lane->worker,
                        .job = backlog->job.id,
                        .first = item,
                        .end = item + 1,
                };
                r = revocations_push(&plan->revocations, &revocation);
                if (r < 0)
                        return r;
        }
}

int hold_erase(Plan *plan, Backlog *backlog, uint64_t first, uint64_t end) {
        int r;

        for (RosterWalk walk = { .roster = &plan->roster };;) {
                Lane *lane = roster_walk(&walk);

                if (!lane)
                        break;
                if (lane->run == backlog && lane->run_next < end && first < lane->run_end) {
                        r = hold_drop_run(plan, lane);
                        if (r < 0)
                                return r;
                }
                r = lane_cut(lane, backlog, first, end, lane->begun_usec);
                if (r < 0)
                        return r;
        }
        return interval_set_remove(&backlog->shared, first, end);
}
