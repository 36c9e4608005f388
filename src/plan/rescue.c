/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Helping those who are behind, so that the slowest does not decide when everybody is done.
 *
 * A lane that finds nothing free looks for the lane that will be done last, as lane_outlook() sees it. If
 * that one has items waiting, the two share them so that both are done at the same time: first from its
 * reservation, which costs nothing, then from its leases, which are revoked. If all that is left is what it
 * is working at, the item is computed twice, provided that the second lane will clearly be done earlier; the
 * first answer counts.
 *
 * A search costs a look at all lanes. When it finds nothing, that is remembered: a slower lane would find
 * nothing either, until the generation changes, and time alone can change the answer only by making somebody
 * late, for which the plan sets itself an alarm.
 */

#include "plan/rescue.h"

#include "base/macro.h"
#include "plan/allotment.h"
#include "plan/hold.h"

#define COPY_MARGIN 1.25 /* "clearly earlier": in four fifths of the time … */
#define COPY_DEFER 2     /* a lane so many times faster that is idle gets the copy instead */
#define MARGIN_PART 4    /* … and by this part of the smallest lease */
#define RETRY_PART 4     /* a waiting lane looks again after this part of a target lease */

/* What it costs a lane to help, seen as any other lane's work is, or two would for ever help each other. */
typedef struct Effort {
        double before_usec; /* until it could begin */
        double item_usec;   /* for each item */
} Effort;

static Effort rescue_effort(const Plan *plan, const Lane *lane, const Backlog *backlog, usec_t now) {
        Outlook outlook = lane_outlook(lane, backlog, now, plan->settings.lease_target_usec);

        return (Effort) {
                .before_usec = outlook.busy_usec + lane_start_usec(lane, backlog),
                .item_usec = outlook.item_usec,
        };
}

static bool rescue_is_refused(const Plan *plan, const BacklogRefusal *refusal, double cost_usec) {
        return refusal->generation == plan->generation && cost_usec >= refusal->cost_usec;
}

static void rescue_refuse(Plan *plan, BacklogRefusal *refusal, double cost_usec, usec_t now,
                          double wait_usec) {
        usec_t most_usec = MAX(plan->settings.lease_target_usec / RETRY_PART, (usec_t) USEC_PER_MSEC);
        usec_t retry_usec = now + (usec_t) CLAMP(wait_usec, (double) USEC_PER_MSEC, (double) most_usec);

        *refusal = (BacklogRefusal) { .generation = plan->generation, .cost_usec = cost_usec };
        plan->retry_usec = MIN(plan->retry_usec, retry_usec);
}

/* The next lane from a random start, so that equal candidates are chosen fairly. */
typedef struct Search {
        RosterWalk walk;
        size_t n_left;
} Search;

static Search search_begin(Plan *plan) {
        return (Search) {
                .walk = { .roster = &plan->roster,
                          .member = random_below(&plan->random, plan->roster.n_members) },
                .n_left = plan->roster.n_lanes,
        };
}

static Lane *search_next(Search *search) {
        Lane *lane;

        if (search->n_left == 0)
                return NULL;
        search->n_left--;
        lane = roster_walk(&search->walk);
        if (!lane) {
                search->walk.member = 0;
                search->walk.lane = 0;
                lane = roster_walk(&search->walk);
        }
        return lane;
}

/* Who is helped first: who will be done last; but if the spool is full, who holds it up, which is who works
 * closest to the frontier. */
static double rescue_urgency(const Backlog *backlog, const Lane *lane, double usec) {
        uint64_t first = lane->n_leases > 0 ? lane->leases[0].first : lane->run_next;

        if (!backlog->spool_refused)
                return usec;
        return 1 / (1.0 + (first > backlog->frontier ? first - backlog->frontier : 0));
}

/* splitting */

/* How many items can be taken from the end of what the lane has not begun, and the stretch that holds them, among
 * others that are done. */
static uint64_t split_available(const Lane *lane, const Backlog *backlog, const Outlook *outlook, Interval *ret) {
        const Lease *last;

        if (lane->run == backlog && lane->run_next < lane->run_end) {
                uint64_t n_done = interval_set_count(&backlog->done, lane->run_next, lane->run_end);

                *ret = (Interval) { lane->run_next, lane->run_end };
                if (n_done < ret->end - ret->first)
                        return ret->end - ret->first - n_done;
        }
        if (lane->n_leases == 0)
                return 0;
        last = lane->leases + lane->n_leases - 1;
        if (last->backlog != backlog || last->expired)
                return 0;
        *ret = (Interval) { last->first, last->end };
        return lane->n_leases > 1 ? last->n_left : last->n_left - MIN(outlook->n_begun, last->n_left);
}

/* Cuts the stretch to its last `n` items that are not done. It has so many. */
static void split_keep_last(const Backlog *backlog, uint64_t n, Interval *stretch) {
        uint64_t low = stretch->first, high = stretch->end - n;

        /* From `low` on there are enough, from above `high` on too few. */
        while (low < high) {
                uint64_t middle = high - (high - low) / 2;
                uint64_t n_done = interval_set_count(&backlog->done, middle, stretch->end);

                if (stretch->end - middle - n_done >= n)
                        low = middle;
                else
                        high = middle - 1;
        }
        stretch->first = low;
}

/* How many of the waiting items another lane should take, so that the later of the two is done as early as
 * whole items allow. The last one must be worth the trouble. */
static uint64_t split_share(const Outlook *outlook, const Effort *effort, double margin_usec) {
        double share = (outlook->finish_usec - effort->before_usec) /
                       (effort->item_usec + outlook->item_usec);
        double n_most = outlook->n_waiting, n;

        if (share <= 0)
                return 0;
        n = MIN(n_most, (double) (uint64_t) share + 1);
        if (effort->before_usec + n * effort->item_usec + margin_usec >=
            outlook->finish_usec - (n - 1) * outlook->item_usec)
                n--;
        return (uint64_t) n;
}

static int split_take(Plan *plan, Lane *lane, Lane *victim, Backlog *backlog, Interval stretch, usec_t now,
                      PlanLease *ret) {
        bool reserved = victim->run == backlog && victim->run_next <= stretch.first && stretch.first < victim->run_end;
        int r;

        if (reserved)
                victim->run_end = stretch.first;
        else {
                r = hold_revoke(plan, victim, backlog, stretch.first, stretch.end, now);
                if (r < 0)
                        return r;
        }
        return allot_run(plan, lane, backlog, stretch.first, stretch.end, now, ret);
}

int rescue_split(Plan *plan, Lane *lane, Backlog *backlog, usec_t now, PlanLease *ret) {
        usec_t fallback_usec = plan->settings.lease_target_usec;
        Effort effort = rescue_effort(plan, lane, backlog, now);
        double cost_usec = effort.before_usec + effort.item_usec, best = 0;
        double margin_usec = (double) plan->settings.lease_minimum_usec / MARGIN_PART;
        Interval best_stretch = {};
        Lane *victim = NULL, *other;

        if (rescue_is_refused(plan, &backlog->split_refused, cost_usec))
                return 0;

        for (Search search = search_begin(plan); (other = search_next(&search));) {
                Outlook outlook;
                Interval stretch;
                double urgency;
                uint64_t n;

                if (other == lane || (other->n_leases == 0 && other->run != backlog) || lane_is_late(other))
                        continue;
                outlook = lane_outlook(other, backlog, now, fallback_usec);
                urgency = rescue_urgency(backlog, other, outlook.finish_usec);
                if (outlook.n_waiting == 0 || urgency <= best)
                        continue;
                n = split_share(&outlook, &effort, margin_usec);
                if (n == 0)
                        continue;
                n = MIN(n, split_available(other, backlog, &outlook, &stretch));
                if (n == 0)
                        continue;
                split_keep_last(backlog, n, &stretch);
                if (lane_holds(lane, backlog, stretch.first, stretch.end))
                        continue;
                best = urgency;
                best_stretch = stretch;
                victim = other;
        }
        if (!victim) {
                rescue_refuse(plan, &backlog->split_refused, cost_usec, now, fallback_usec);
                return 0;
        }
        return split_take(plan, lane, victim, backlog, best_stretch, now, ret);
}

/* copying */

/* Whether a copy of what `other` is working at would clearly be done earlier. If not, *wait_usec is lowered
 * to the time until it would. */
static bool copy_is_worth(const Plan *plan, const Lane *lane, const Lane *other, const Backlog *backlog,
                          const Effort *effort, usec_t now, double *wait_usec, Outlook *ret) {
        const Lease *lease = other->leases;
        double cost_usec;

        if (other->n_leases == 0 || lease->backlog != backlog || lease->expired ||
            lease->first < lease->backed_end)
                return false;
        if (lane_holds(lane, backlog, lease->first, lease->end))
                return false;
        *ret = lane_outlook(other, backlog, now, plan->settings.lease_target_usec);
        cost_usec = (effort->before_usec + ret->n_begun * effort->item_usec) * COPY_MARGIN +
                    (double) plan->settings.lease_minimum_usec / MARGIN_PART;
        if (cost_usec < ret->begun_usec)
                return true;
        *wait_usec = MIN(*wait_usec, cost_usec + (ret->overdue ? -ret->begun_usec : ret->begun_usec));
        return false;
}

/* Whether the lane is idle, would take work, and is far faster. */
static bool copy_is_for(const Plan *plan, const Lane *idle, const Backlog *backlog, const Effort *effort,
                        usec_t now) {
        usec_t fallback_usec = plan->settings.lease_target_usec;

        return idle->n_leases == 0 && idle->waits && now - idle->asked_usec <= fallback_usec / 2 &&
               lane_item_usec(idle, backlog, fallback_usec) * COPY_DEFER < effort->item_usec;
}

static int copy_take(Plan *plan, Lane *lane, Lane *victim, Backlog *backlog, uint64_t n, usec_t now,
                     PlanLease *ret) {
        Lease *lease = victim->leases;
        Interval missing;

        if (!interval_set_next_gap(&backlog->done, lease->first, lease->end, &missing))
                return 0;
        missing.end = MIN(missing.end, missing.first + n);
        lease->backed_end = missing.end;
        return allot_copy(plan, lane, backlog, missing.first, missing.end, now, ret);
}

int rescue_copy(Plan *plan, Lane *lane, Backlog *backlog, usec_t now, PlanLease *ret) {
        usec_t fallback_usec = plan->settings.lease_target_usec;
        Effort effort = rescue_effort(plan, lane, backlog, now);
        double cost_usec = effort.before_usec + effort.item_usec, wait_usec = fallback_usec, best = 0;
        Lane *victim = NULL, *better = NULL, *other;
        uint64_t best_n = 0;

        if (rescue_is_refused(plan, &backlog->copy_refused, cost_usec))
                return 0;

        for (Search search = search_begin(plan); (other = search_next(&search));) {
                Outlook outlook;
                double urgency;

                if (other->worker == lane->worker)
                        continue;
                if (!better && copy_is_for(plan, other, backlog, &effort, now))
                        better = other;
                if (!copy_is_worth(plan, lane, other, backlog, &effort, now, &wait_usec, &outlook))
                        continue;
                urgency = rescue_urgency(backlog, other, outlook.begun_usec);
                if (urgency <= best)
                        continue;
                best = urgency;
                best_n = outlook.n_begun;
                victim = other;
        }
        if (!victim) {
                rescue_refuse(plan, &backlog->copy_refused, cost_usec, now, wait_usec);
                return 0;
        }
        if (better && better->worker != victim->worker) {
                /* Somebody far faster is idle too: all are asked again, and it is told. */
                bool again = now >= plan->deferred_usec + fallback_usec / RETRY_PART;

                rescue_refuse(plan, &backlog->copy_refused, cost_usec, now, again ? 0 : fallback_usec);
                if (again)
                        plan->deferred_usec = now;
                return 0;
        }
        return copy_take(plan, lane, victim, backlog, best_n, now, ret);
}

int rescue_frontier(Plan *plan, Lane *lane, Backlog *backlog, usec_t now, PlanLease *ret) {
        usec_t fallback_usec = plan->settings.lease_target_usec;
        double wait_usec = fallback_usec;
        Effort effort;

        if (backlog->job.delivery != PLAN_ORDERED || now < backlog->frontier_check_usec ||
            now < backlog->frontier_usec + fallback_usec)
                return 0;

        effort = rescue_effort(plan, lane, backlog, now);
        for (RosterWalk walk = { .roster = &plan->roster };;) {
                Lane *other = roster_walk(&walk);
                Outlook outlook;

                if (!other)
                        break;
                if (other->worker == lane->worker || !lane_find_lease(other, backlog, backlog->frontier))
                        continue;
                if (copy_is_worth(plan, lane, other, backlog, &effort, now, &wait_usec, &outlook) &&
                    outlook.overdue)
                        return copy_take(plan, lane, other, backlog, outlook.n_begun, now, ret);
        }
        backlog->frontier_check_usec = now + plan->settings.lease_minimum_usec;
        return 0;
}
