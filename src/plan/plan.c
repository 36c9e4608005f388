/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plan as its users see it: events in, leases and revocations out. The thinking is in grant.c and
 * rescue.c. */

#include "plan/plan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "plan/grant.h"
#include "plan/hold.h"
#include "plan/plan-state.h"

#define PLAN_PRIORITY_MAX 1000u
#define SPOOL_PART_TO_WAKE                                                                                  \
        8 /* lanes that wait for room in the spool are woken when this part of it is free */

DEFINE_TRIVIAL_CLEANUP_FUNC(Plan *, plan_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(Backlog *, backlog_free);

/* lifetime */

int plan_new(const PlanSettings *settings, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;

        plan = malloc(sizeof *plan);
        if (!plan)
                return -ENOMEM;
        *plan = (Plan) {
                .settings = *settings,
                .generation = 1,
                .retry_usec = USEC_INFINITY,
                .expiry_usec = USEC_INFINITY,
        };
        plan->settings.lease_target_usec = MAX(settings->lease_target_usec, (usec_t) 1);
        plan->settings.lease_minimum_usec = MAX(settings->lease_minimum_usec, (usec_t) 1);
        plan->settings.leases_in_hand = MAX(settings->leases_in_hand, 1u);
        random_init(&plan->random, settings->seed);

        *ret = TAKE_PTR(plan);
        return 0;
}

Plan *plan_free(Plan *plan) {
        if (!plan)
                return NULL;

        roster_done(&plan->roster);
        revocations_done(&plan->revocations);
        for (size_t i = 0; i < plan->n_backlogs; i++)
                backlog_free(plan->backlogs[i]);
        free(plan->backlogs);
        free(plan);
        return NULL;
}

/* jobs */

static Backlog *plan_find_job(const Plan *plan, uint64_t job) {
        for (size_t i = 0; i < plan->n_backlogs; i++)
                if (plan->backlogs[i]->job.id == job)
                        return plan->backlogs[i];
        return NULL;
}

/*
 * The jobs' claims have changed: each lane looks around at its next lease. A job that is more urgent must not wait
 * until the run of one that is hardly wanted is done.
 */
static void plan_choose_anew(Plan *plan) {
        Lane *lane;

        for (RosterWalk walk = { .roster = &plan->roster }; (lane = roster_walk(&walk));)
                grant_refund(lane);
}

/*
 * Where a job begins that has waited for nothing yet: beside the one that is next. After plan_choose_anew() only, for
 * lanes are charged in advance.
 */
static double plan_first_pass(const Plan *plan) {
        double pass = INFINITY;

        for (size_t i = 0; i < plan->n_backlogs; i++)
                if (backlog_is_active(plan->backlogs[i]))
                        pass = MIN(pass, plan->backlogs[i]->pass);
        return pass < INFINITY ? pass : plan->pass;
}

int plan_job_add(Plan *plan, const PlanJob *job, const IntervalSet *done) {
        _cleanup_(backlog_freep) Backlog *backlog = NULL;
        int r;

        if (plan_find_job(plan, job->id))
                return -EEXIST;

        r = backlog_new(job, done, &backlog);
        if (r < 0)
                return r;
        backlog->job.priority = CLAMP(job->priority, 1u, PLAN_PRIORITY_MAX);

        if (plan->n_backlogs == plan->n_allocated) {
                size_t n = plan->n_allocated * 2 + 4;
                Backlog **grown = reallocarray(plan->backlogs, n, sizeof *grown);

                if (!grown)
                        return -ENOMEM;
                plan->backlogs = grown;
                plan->n_allocated = n;
        }
        plan_choose_anew(plan);
        backlog->pass = plan_first_pass(plan);
        plan->backlogs[plan->n_backlogs++] = TAKE_PTR(backlog);
        plan->generation++;
        return 0;
}

static int plan_revoke_job(Plan *plan, Lane *lane, const Backlog *backlog) {
        size_t n_kept = 0;
        int r;

        for (size_t i = 0; i < lane->n_leases; i++) {
                const Lease *lease = lane->leases + i;
                PlanRevocation revocation = {
                        .worker = lane->worker,
                        .job = backlog->job.id,
                        .first = lease->first,
                        .end = lease->end,
                };

                if (lease->backlog != backlog) {
                        lane->leases[n_kept++] = *lease;
                        continue;
                }
                r = revocations_push(&plan->revocations, &revocation);
                if (r < 0)
                        return r;
        }
        lane->n_leases = n_kept;
        lane_forget_job(lane, backlog);
        return 0;
}

int plan_job_remove(Plan *plan, uint64_t job) {
        Backlog *backlog = plan_find_job(plan, job);
        Lane *lane;
        int r;

        if (!backlog)
                return -ENOENT;

        for (RosterWalk walk = { .roster = &plan->roster }; (lane = roster_walk(&walk));) {
                r = plan_revoke_job(plan, lane, backlog);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < plan->n_backlogs; i++)
                if (plan->backlogs[i] == backlog) {
                        memmove(plan->backlogs + i, plan->backlogs + i + 1,
                                (plan->n_backlogs - i - 1) * sizeof(Backlog *));
                        plan->n_backlogs--;
                        break;
                }
        backlog_free(backlog);
        plan->generation++; /* who waited for its items learns that there is nothing left */
        return 0;
}

/* All that lanes have of the job is free again, and their workers are told. */
static int plan_recall_job(Plan *plan, Backlog *backlog, usec_t now) {
        Lane *lane;
        int r;

        for (RosterWalk walk = { .roster = &plan->roster }; (lane = roster_walk(&walk));) {
                if (lane->run == backlog) {
                        r = hold_drop_run(plan, lane);
                        if (r < 0)
                                return r;
                }
                for (size_t i = lane->n_leases; i-- > 0;) {
                        Lease lease = lane->leases[i];

                        if (lease.backlog != backlog)
                                continue;
                        r = hold_revoke(plan, lane, backlog, lease.first, lease.end, now);
                        if (r >= 0)
                                r = hold_release(plan, backlog, lease.first, lease.end);
                        if (r < 0)
                                return r;
                }
                if (lane->counted == backlog)
                        lane_count(lane, NULL);
        }
        return 0;
}

int plan_job_pause(Plan *plan, uint64_t job, bool paused, usec_t now) {
        Backlog *backlog = plan_find_job(plan, job);
        int r;

        if (!backlog)
                return -ENOENT;
        if (backlog->paused == paused)
                return 0;
        if (!paused) {
                plan_choose_anew(plan);
                backlog->pass = MAX(backlog->pass, plan_first_pass(plan));
        }
        if (paused) {
                r = plan_recall_job(plan, backlog, now);
                if (r < 0)
                        return r;
        }
        backlog->paused = paused;
        plan->generation++;
        return 0;
}

int plan_job_set_priority(Plan *plan, uint64_t job, unsigned priority) {
        Backlog *backlog = plan_find_job(plan, job);

        if (!backlog)
                return -ENOENT;
        priority = CLAMP(priority, 1u, PLAN_PRIORITY_MAX);
        if (backlog->job.priority == priority)
                return 0;
        plan_choose_anew(plan); /* what was charged in advance is paid back by the old priority */
        backlog->job.priority = priority;
        return 0;
}

int plan_job_lose(Plan *plan, uint64_t job, uint64_t first, uint64_t end) {
        Backlog *backlog = plan_find_job(plan, job);
        Interval lost;
        int r;

        if (!backlog)
                return -ENOENT;

        while (interval_set_next(&backlog->done, first, &lost) && lost.first < end) {
                lost.end = MIN(lost.end, end);
                /* A lease may lie around an item that came out of turn; its lane will not do that item
                 * again. */
                r = hold_erase(plan, backlog, lost.first, lost.end);
                if (r < 0)
                        return r;
                r = backlog_lose(backlog, lost.first, lost.end);
                if (r < 0)
                        return r;
                first = lost.end;
                plan->generation++;
        }
        return 0;
}

/* workers */

int plan_worker_add(Plan *plan, uint64_t worker, unsigned n_lanes, usec_t now) {
        (void) now;
        return roster_add(&plan->roster, worker, n_lanes);
}

static int plan_empty_lanes(Plan *plan, Member *member, unsigned from) {
        int r;

        for (unsigned i = from; i < member->n_lanes; i++) {
                r = hold_empty_lane(plan, member->lanes + i);
                if (r < 0)
                        return r;
                grant_refund(member->lanes + i);
        }
        return 0;
}

int plan_worker_set_lanes(Plan *plan, uint64_t worker, unsigned n_lanes, usec_t now) {
        Member *member = roster_find(&plan->roster, worker);
        int r;

        (void) now;
        if (!member)
                return -ENOENT;
        r = plan_empty_lanes(plan, member, n_lanes);
        if (r < 0)
                return r;
        return roster_set_lanes(&plan->roster, member, n_lanes);
}

int plan_worker_remove(Plan *plan, uint64_t worker, usec_t now) {
        Member *member = roster_find(&plan->roster, worker);
        int r;

        (void) now;
        if (!member)
                return -ENOENT;
        r = plan_empty_lanes(plan, member, 0);
        if (r < 0)
                return r;
        roster_remove(&plan->roster, member);
        revocations_forget_worker(&plan->revocations, worker);
        return 0;
}

/* work */

void plan_lane_window(Plan *plan, uint64_t worker, unsigned lane, uint64_t n_items) {
        Member *member = roster_find(&plan->roster, worker);

        if (member && lane < member->n_lanes)
                member->lanes[lane].window_items = n_items;
}

PlanAnswer plan_lease(Plan *plan, uint64_t worker, unsigned lane_index, usec_t now, PlanLease *ret) {
        Member *member = roster_find(&plan->roster, worker);
        Lane *lane;

        if (!member || lane_index >= member->n_lanes)
                return PLAN_WORKER_UNKNOWN;
        lane = member->lanes + lane_index;
        if (lane->n_leases >= plan->settings.leases_in_hand || lane_is_late(lane))
                return PLAN_ENOUGH;

        /* Without memory there is no lease now; whoever ran out of it will notice soon enough. */
        lane->waits = grant_lease(plan, lane, now, ret) <= 0;
        lane->asked_usec = now;
        if (!lane->waits)
                return PLAN_GRANTED;

        if (lane->n_leases == 0) {
                lane_count(lane, NULL);
                grant_refund(lane);
        }
        return plan_has_work(plan) ? PLAN_WAIT : PLAN_NOTHING_LEFT;
}

/* What a lane's own result says about it. */
static int plan_note_result(Plan *plan, Lane *lane, Backlog *backlog, uint64_t item, usec_t now) {
        const Lease *lease = lane_find_lease(lane, backlog, item);
        usec_t elapsed_usec = now - lane->begun_usec;
        uint64_t n_starting = 0;
        int r;

        if (lease->starts_run && item == lease->first)
                n_starting = CLAMP(lane->window_items, UINT64_C(1), lease->n_left);
        r = lane_add_pace(lane, backlog->job.id, elapsed_usec, n_starting, plan_memory_usec(plan));
        if (r < 0)
                return r;
        lane_count(lane, backlog);

        if (lane->credited == backlog)
                lane->credit_usec -= elapsed_usec;
        else
                backlog->pass += (double) elapsed_usec / backlog->job.priority;
        return lane_is_late(lane) ? hold_revive(lane) : 0;
}

static void plan_note_progress(Plan *plan, Backlog *backlog) {
        if (backlog_n_missing(backlog) == 0)
                plan->generation++;
        if (backlog->spool_refused &&
            backlog_spool_room(backlog) > backlog->job.spool_items_max / SPOOL_PART_TO_WAKE) {
                backlog->spool_refused = false;
                plan->generation++;
        }
}

int plan_result(Plan *plan, uint64_t worker, uint64_t job, uint64_t item, usec_t now,
                PlanVerdict *ret_verdict) {
        Backlog *backlog = plan_find_job(plan, job);
        Member *member = roster_find(&plan->roster, worker);
        Lane *own = NULL;
        int r;

        if (!backlog || item >= backlog->job.n_items) {
                *ret_verdict = PLAN_RESULT_FOREIGN;
                return 0;
        }
        for (unsigned i = 0; member && i < member->n_lanes; i++)
                if (lane_find_lease(member->lanes + i, backlog, item)) {
                        own = member->lanes + i;
                        break;
                }
        if (interval_set_contains(&backlog->done, item)) {
                *ret_verdict = PLAN_RESULT_KNOWN;
                return 0;
        }

        if (own) {
                r = plan_note_result(plan, own, backlog, item, now);
                if (r < 0)
                        return r;
        }
        r = backlog_accept(backlog, item, now);
        if (r < 0)
                return r;
        r = hold_settle_item(plan, own, backlog, item, now);
        if (r < 0)
                return r;
        if (own && own->n_leases == 0)
                plan->expiry_usec = MIN(plan->expiry_usec, lane_expiry_usec(own, &plan->settings));
        plan_note_progress(plan, backlog);
        *ret_verdict = PLAN_RESULT_NEW;
        return 0;
}

int plan_hand_back(Plan *plan, uint64_t worker, uint64_t job, uint64_t first, uint64_t end, usec_t now) {
        Backlog *backlog = plan_find_job(plan, job);
        Member *member = roster_find(&plan->roster, worker);
        int r;

        if (!backlog || !member)
                return -ENOENT;
        for (unsigned i = 0; i < member->n_lanes; i++) {
                r = hold_give_back(plan, member->lanes + i, backlog, first, end, now);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* time */

usec_t plan_next_deadline(const Plan *plan) {
        return MIN(plan->expiry_usec, plan->retry_usec);
}

int plan_advance(Plan *plan, usec_t now) {
        Lane *lane;
        int r;

        if (now >= plan->retry_usec) {
                plan->retry_usec = USEC_INFINITY;
                plan->generation++;
        }
        if (now < plan->expiry_usec)
                return 0;

        plan->expiry_usec = USEC_INFINITY;
        for (RosterWalk walk = { .roster = &plan->roster }; (lane = roster_walk(&walk));) {
                if (lane_expiry_usec(lane, &plan->settings) <= now) {
                        r = hold_expire(plan, lane);
                        if (r < 0)
                                return r;
                }
                plan->expiry_usec = MIN(plan->expiry_usec, lane_expiry_usec(lane, &plan->settings));
        }
        return 0;
}

/* what the workers should be told */

bool plan_pop_revocation(Plan *plan, PlanRevocation *ret) {
        return revocations_pop(&plan->revocations, ret);
}

uint64_t plan_generation(const Plan *plan) {
        return plan->generation;
}

/* queries */

uint64_t plan_job_frontier(const Plan *plan, uint64_t job) {
        const Backlog *backlog = plan_find_job(plan, job);

        return backlog ? backlog->frontier : 0;
}

const IntervalSet *plan_job_done(const Plan *plan, uint64_t job) {
        const Backlog *backlog = plan_find_job(plan, job);

        return backlog ? &backlog->done : NULL;
}

bool plan_job_finished(const Plan *plan, uint64_t job) {
        const Backlog *backlog = plan_find_job(plan, job);

        return backlog && backlog_n_missing(backlog) == 0;
}

bool plan_has_work(const Plan *plan) {
        for (size_t i = 0; i < plan->n_backlogs; i++)
                if (backlog_is_active(plan->backlogs[i]))
                        return true;
        return false;
}

double plan_worker_speed(const Plan *plan, uint64_t worker, uint64_t job) {
        const Member *member = roster_find(&plan->roster, worker);
        double speed = 0;

        for (unsigned i = 0; member && i < member->n_lanes; i++) {
                const Pace *pace = lane_pace(member->lanes + i, job);

                if (pace)
                        speed += USEC_PER_SEC / pace_item_usec(pace);
        }
        return speed;
}

uint64_t plan_worker_leased(const Plan *plan, uint64_t worker) {
        const Member *member = roster_find(&plan->roster, worker);
        uint64_t n = 0;

        for (unsigned i = 0; member && i < member->n_lanes; i++)
                for (size_t j = 0; j < member->lanes[i].n_leases; j++)
                        n += member->lanes[i].leases[j].n_left;
        return n;
}
