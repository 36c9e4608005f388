/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Choosing the next lease for a lane.
 *
 * Which job. Stride scheduling: each job has a `pass`, the lane time it was given divided by its priority,
 * and the job with the lowest pass is next. To change the job costs the lane its sieve, so it stays with one
 * for a credit of several leases, which the job is charged for in advance: many lanes that choose at the
 * same time then spread by themselves. What is not used is paid back. A job that has nothing to give gets
 * nothing for the time either: its pass is lifted, so that it cannot claim the whole cluster later.
 *
 * Which items. What a lane reserved for its run; else the lowest free stretch, which puts holes first and
 * keeps an ordered job's spool small. Only if no job has any of these, the tail of somebody else's run, and
 * only if there is none, a copy of what somebody else is at (rescue.c). How many of them: allotment.c.
 */

#include "plan/grant.h"

#include "base/macro.h"
#include "plan/allotment.h"
#include "plan/hold.h"
#include "plan/rescue.h"

#define CREDIT_LEASES 4         /* time for one job before another one is looked at */

/* Nobody is at the frontier's item: nothing else is as urgent, not even the lane's own run. */
static bool grant_frontier_is_free(const Backlog *backlog) {
        return backlog->taken.n_members < backlog->job.n_items &&
               !interval_set_contains(&backlog->taken, backlog->frontier);
}

static int grant_work(Plan *plan, Lane *lane, Backlog *backlog, usec_t now, PlanLease *ret) {
        int r;

        if (grant_frontier_is_free(backlog))
                return allot_free(plan, lane, backlog, now, ret);

        r = rescue_frontier(plan, lane, backlog, now, ret);
        if (r != 0)
                return r;
        if (lane->run == backlog) {
                r = allot_from_run(plan, lane, now, ret);
                if (r != 0)
                        return r;
        }
        return allot_free(plan, lane, backlog, now, ret);
}

void grant_refund(Lane *lane) {
        if (lane->credited)
                lane->credited->pass -= lane->credit_usec / lane->credited->job.priority;
        lane->credited = NULL;
        lane->credit_usec = 0;
}

/* The job was given the lane: it pays, and those that had nothing to give do not save up. */
static void grant_charge(Plan *plan, Lane *lane, Backlog *backlog, bool spent) {
        double usec;

        for (size_t i = 0; i < plan->n_backlogs; i++)
                if (plan->backlogs[i]->tried && plan->backlogs[i] != backlog)
                        plan->backlogs[i]->pass = MAX(plan->backlogs[i]->pass, backlog->pass);
        plan->pass = MAX(plan->pass, backlog->pass);

        if (lane->credited != backlog)
                grant_refund(lane);
        else if (!spent)
                return;
        usec = CREDIT_LEASES * plan->settings.lease_target_usec;
        if (lane_pace(lane, backlog->job.id))
                usec = MAX(usec, backlog->job.run_items * lane_item_usec(lane, backlog,
                                                                         plan->settings.lease_target_usec));
        lane->credited = backlog;
        lane->credit_usec += usec;
        backlog->pass += usec / backlog->job.priority;
}

static Backlog *grant_next_job(Plan *plan, const Lane *lane, bool spent) {
        Backlog *best = NULL;

        for (size_t i = 0; i < plan->n_backlogs; i++) {
                Backlog *backlog = plan->backlogs[i];

                if (backlog->tried || !backlog_is_active(backlog))
                        continue;
                if (backlog == lane->credited && !spent)
                        return backlog;
                if (!best || backlog->pass < best->pass ||
                    (backlog->pass == best->pass && backlog->job.priority > best->job.priority))
                        best = backlog;
        }
        return best;
}

typedef int (*GrantSource)(Plan *plan, Lane *lane, Backlog *backlog, usec_t now, PlanLease *ret);

static int grant_from_any(Plan *plan, Lane *lane, bool spent, GrantSource source, usec_t now,
                          PlanLease *ret) {
        Backlog *backlog;
        int r;

        for (size_t i = 0; i < plan->n_backlogs; i++)
                plan->backlogs[i]->tried = false;

        while ((backlog = grant_next_job(plan, lane, spent))) {
                backlog->tried = true;
                r = source(plan, lane, backlog, now, ret);
                if (r == 0)
                        continue;
                if (r > 0) {
                        grant_charge(plan, lane, backlog, spent);
                        if (lane->run && lane->run != backlog)
                                r = hold_drop_run(plan, lane) ?: 1;
                }
                return r;
        }
        return 0;
}

int grant_lease(Plan *plan, Lane *lane, usec_t now, PlanLease *ret) {
        static const GrantSource sources[] = { grant_work, rescue_split, rescue_copy };
        bool spent;

        spent = !lane->credited || lane->credit_usec <= lane_outlook(lane, lane->credited, now,
                                                                     plan->settings.lease_target_usec)
                                                                        .busy_usec;
        for (size_t i = 0; i < ELEMENTSOF(sources); i++) {
                int r = grant_from_any(plan, lane, spent, sources[i], now, ret);

                if (r != 0)
                        return r;
        }
        return 0;
}
