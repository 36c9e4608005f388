/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The simulated master: passes the workers' messages to the real plan and the plan's answers back, as the
 * real master does, and compares each answer with the books.
 *
 * The books know which lane was given which item and has neither delivered it nor been relieved of it. From
 * this follows what the plan may do: give out only what is not accepted; give an item to a second lane only
 * as a duplicate; accept each item once; and when it is accepted, relieve everybody else of it at once.
 */

#include <inttypes.h>
#include <stdlib.h>

#include "base/macro.h"
#include "cluster/must.h"
#include "cluster/simulator-state.h"

static void office_send(Simulator *s, unsigned at, Event event) {
        Site *site = s->sites + at;

        event.worker = at;
        event.epoch = site->joined_session;
        event.time = MAX(s->now + site->traits.latency_usec, site->down_usec);
        site->down_usec = event.time;
        event_queue_push(&s->queue, event);
}

/* books */

static void book_hold(Book *book, uint64_t item) {
        if (book->n_holders[item]++ == 0 && !book->accepted[item])
                book->n_taken++;
}

static void book_unhold(Book *book, uint64_t item) {
        MUST(book->n_holders[item] > 0);
        if (--book->n_holders[item] == 0 && !book->accepted[item])
                book->n_taken--;
}

static IntervalSet *lane_held(const Simulator *s, SiteLane *lane, uint64_t job) {
        if (lane->n_held < s->n_books) {
                lane->held = reallocarray(lane->held, s->n_books, sizeof *lane->held);
                MUST(lane->held);
                while (lane->n_held < s->n_books)
                        lane->held[lane->n_held++] = INTERVAL_SET_EMPTY;
        }
        return lane->held + job - 1;
}

/* The lane is relieved of what it holds in [first, end). */
static void office_relieve(Simulator *s, SiteLane *lane, uint64_t job, uint64_t first, uint64_t end) {
        IntervalSet *held = lane_held(s, lane, job);
        uint64_t from = first;
        Interval stretch;

        while (interval_set_next(held, from, &stretch) && stretch.first < end) {
                for (uint64_t item = stretch.first; item < MIN(stretch.end, end); item++)
                        book_unhold(s->books + job - 1, item);
                from = stretch.end;
        }
        MUST(interval_set_remove(held, first, end) >= 0);
}

static void office_relieve_all(Simulator *s, SiteLane *lane) {
        for (size_t i = 0; i < s->n_books; i++)
                office_relieve(s, lane, i + 1, 0, UINT64_MAX);
}

static void office_check_spool(Simulator *s, Book *book) {
        uint64_t n_beyond = book->n_taken - book->frontier;

        if (book->frontier < book->n_items && book->n_holders[book->frontier] > 0)
                n_beyond--;
        if (book->job.delivery == PLAN_ORDERED && book->job.spool_items_max != UINT64_MAX &&
            n_beyond > book->job.spool_items_max + book->n_unasked)
                simulator_fail(s, "spool of %" PRIu64 " beyond the bound of %" PRIu64, n_beyond,
                               book->job.spool_items_max);
        book->n_spool_most = MAX(book->n_spool_most, book->n_accepted - book->frontier);
}

/* the plan's answers */

static void office_drain(Simulator *s) {
        PlanRevocation revocation;

        while (plan_pop_revocation(s->plan, &revocation)) {
                unsigned at = (unsigned) revocation.worker - 1;
                Site *site;

                MUST(at < s->n_sites);
                site = s->sites + at;
                if (!site->joined) {
                        simulator_fail(s, "revocation for worker %" PRIu64 ", which is gone", revocation.worker);
                        return;
                }
                simulator_note(s, revocation.worker, revocation.job, revocation.first, revocation.end);
                s->report.n_revoked++;
                for (unsigned i = 0; i < site->n_lanes_allocated; i++)
                        office_relieve(s, site->lanes + i, revocation.job, revocation.first, revocation.end);
                office_send(s, at,
                            (Event) { .type = EVENT_REVOKE,
                                     .job = revocation.job,
                                     .first = revocation.first,
                                     .end = revocation.end });
        }
}

static void office_check_lease(Simulator *s, SiteLane *lane, const PlanLease *lease) {
        Book *book = simulator_book(s, lease->job);

        if (!book || lease->first >= lease->end || lease->end > book->job.n_items ||
            lease->run_end < lease->end) {
                simulator_fail(s, "lease of job %" PRIu64 " [%" PRIu64 ", %" PRIu64 ") run %" PRIu64 " makes no sense",
                               lease->job, lease->first, lease->end, lease->run_end);
                return;
        }
        if (lease->end > book->n_items) {
                simulator_fail(s, "the open job's book is full");
                return;
        }
        for (uint64_t item = lease->first; item < lease->end; item++) {
                if (book->accepted[item])
                        simulator_fail(s, "item %" PRIu64 " was leased, but it is done", item);
                if (book->n_holders[item] > 0 && !lease->duplicate)
                        simulator_fail(s, "item %" PRIu64 " is leased twice, not as a duplicate", item);
                if (interval_set_contains(lane_held(s, lane, lease->job), item))
                        simulator_fail(s, "item %" PRIu64 " is leased to one lane twice", item);
                book_hold(book, item);
        }
        MUST(interval_set_add(lane_held(s, lane, lease->job), lease->first, lease->end) >= 0);
        office_check_spool(s, book);
        s->report.n_leases++;
        s->report.n_duplicates += lease->duplicate;
}

/* True: the lane got something, or has enough. */
static bool office_ask(Simulator *s, unsigned at, unsigned index) {
        SiteLane *lane = s->sites[at].lanes + index;
        PlanAnswer answer;
        PlanLease lease;

        answer = plan_lease(s->plan, at + 1, index, s->now, &lease);
        simulator_note(s, answer, at, index, s->now);
        office_drain(s);
        switch (answer) {
        case PLAN_GRANTED:
                simulator_note(s, lease.job, lease.first, lease.end, lease.run_end);
                office_check_lease(s, lane, &lease);
                office_send(s, at,
                            (Event) { .type = EVENT_LEASE,
                                     .lane = index,
                                     .job = lease.job,
                                     .first = lease.first,
                                     .end = lease.end });
                return true;
        case PLAN_ENOUGH:
                office_send(s, at, (Event) { .type = EVENT_ENOUGH, .lane = index });
                return true;
        case PLAN_NOTHING_LEFT:
                for (size_t i = 0; i < s->n_books; i++)
                        if (plan_has_work(s->plan))
                                simulator_fail(s, "nothing left, but job %zu has work", i + 1);
                return false;
        case PLAN_WAIT:
                return false;
        case PLAN_WORKER_UNKNOWN:
        default:
                simulator_fail(s, "worker %u lane %u is unknown", at + 1, index);
                return false;
        }
}

static void office_wait(Simulator *s, unsigned at, unsigned index) {
        s->sites[at].lanes[index].waiting = true;
        if (s->n_waiting == s->n_waiting_allocated) {
                s->n_waiting_allocated = s->n_waiting_allocated * 2 + 16;
                s->waiting = reallocarray(s->waiting, s->n_waiting_allocated, sizeof *s->waiting);
                MUST(s->waiting);
        }
        s->waiting[s->n_waiting].site = at;
        s->waiting[s->n_waiting++].lane = index;
}

void office_settle(Simulator *s) {
        office_drain(s);
        while (s->generation != plan_generation(s->plan) && !s->failure[0]) {
                size_t n = s->n_waiting, n_kept = 0;

                s->generation = plan_generation(s->plan);
                for (size_t i = 0; i < n; i++) {
                        unsigned at = s->waiting[i].site, index = s->waiting[i].lane;
                        SiteLane *lane = s->sites[at].lanes + index;

                        if (!lane->waiting || !s->sites[at].joined || index >= s->sites[at].joined_lanes)
                                continue;
                        if (office_ask(s, at, index))
                                lane->waiting = false;
                        else
                                s->waiting[n_kept++] = s->waiting[i];
                }
                s->n_waiting = n_kept;
        }
}

/* messages */

static void office_remove(Simulator *s, unsigned at) {
        Site *site = s->sites + at;

        if (!site->joined)
                return;
        site->joined = false;
        MUST(plan_worker_remove(s->plan, at + 1, s->now) >= 0);
        for (unsigned i = 0; i < site->n_lanes_allocated; i++) {
                office_relieve_all(s, site->lanes + i);
                site->lanes[i].waiting = false;
        }
}

static void office_on_join(Simulator *s, const Event *event) {
        Site *site = s->sites + event->worker;

        office_remove(s, event->worker); /* it has come back before its loss was noticed */
        MUST(plan_worker_add(s->plan, event->worker + 1, (unsigned) event->first, s->now) >= 0);
        site->joined = true;
        site->joined_session = event->epoch;
        site->joined_lanes = (unsigned) event->first;
}

static void office_on_lanes(Simulator *s, const Event *event) {
        Site *site = s->sites + event->worker;

        MUST(plan_worker_set_lanes(s->plan, event->worker + 1, (unsigned) event->first, s->now) >= 0);
        for (unsigned i = (unsigned) event->first; i < site->joined_lanes; i++) {
                office_relieve_all(s, site->lanes + i);
                site->lanes[i].waiting = false;
        }
        site->joined_lanes = (unsigned) event->first;
}

static void office_on_request(Simulator *s, const Event *event) {
        Site *site = s->sites + event->worker;

        if (event->lane >= site->joined_lanes || site->lanes[event->lane].waiting)
                return;
        if (!office_ask(s, event->worker, event->lane))
                office_wait(s, event->worker, event->lane);
}

static void office_accept(Simulator *s, Book *book, const Event *event) {
        uint64_t item = event->first;
        bool asked = book->n_holders[item] > 0;

        if (book->accepted[item]) {
                simulator_fail(s, "item %" PRIu64 " was accepted twice", item);
                return;
        }
        for (unsigned i = 0; i < s->sites[event->worker].n_lanes_allocated; i++)
                office_relieve(s, s->sites[event->worker].lanes + i, event->job, item, item + 1);
        office_drain(s);
        if (book->n_holders[item] > 0)
                simulator_fail(s, "item %" PRIu64 " was accepted, but other lanes were not told", item);

        book->accepted[item] = true;
        book->accepted_at[item] = s->now;
        book->n_taken++;
        book->n_accepted++;
        book->n_unasked += !asked;
        book->busy_usec += event->value;
        while (book->frontier < book->n_items && book->accepted[book->frontier])
                book->frontier++;
        if (book->n_accepted == book->job.n_items)
                book->finished_at = s->now;
        office_check_spool(s, book);
        s->report.n_accepted++;
        s->last_accept = s->progress_at = s->now;
}

static void office_on_result(Simulator *s, const Event *event) {
        Book *book = simulator_book(s, event->job);
        PlanVerdict verdict;

        MUST(plan_result(s->plan, event->worker + 1, event->job, event->first, s->now, &verdict) >= 0);
        simulator_note(s, verdict, event->worker, event->job, event->first);
        if (!book || event->first >= book->n_items) {
                if (verdict != PLAN_RESULT_FOREIGN)
                        simulator_fail(s, "an item of no job was taken");
                return;
        }
        switch (verdict) {
        case PLAN_RESULT_NEW:
                office_accept(s, book, event);
                break;
        case PLAN_RESULT_KNOWN:
                if (!book->accepted[event->first])
                        simulator_fail(s, "item %" PRIu64 " is called known, but was never accepted", event->first);
                s->report.n_known++;
                break;
        case PLAN_RESULT_FOREIGN:
        default:
                simulator_fail(s, "item %" PRIu64 " is called foreign", event->first);
        }
        if (plan_job_frontier(s->plan, event->job) != book->frontier)
                simulator_fail(s, "frontier is %" PRIu64 ", must be %" PRIu64, plan_job_frontier(s->plan, event->job),
                               book->frontier);
}

static void office_lose(Simulator *s, const Event *event) {
        Book *book = simulator_book(s, event->job);

        MUST(plan_job_lose(s->plan, event->job, event->first, event->end) >= 0);
        for (uint64_t item = event->first; item < MIN(event->end, book->n_items); item++) {
                if (!book->accepted[item])
                        continue;
                book->accepted[item] = false;
                book->accepted_at[item] = USEC_INFINITY;
                book->n_accepted--;
                book->n_taken--;
                book->finished_at = 0;
                book->frontier = MIN(book->frontier, item);
                s->lost_cost += simulator_item_cost(s, event->job, item);
        }
        book->n_unasked += book->n_taken - book->frontier;
}

static void office_remove_job(Simulator *s, const Event *event) {
        MUST(plan_job_remove(s->plan, event->job) >= 0);
        office_drain(s);
        for (uint64_t item = 0; item < s->books[event->job - 1].n_items; item++)
                if (s->books[event->job - 1].n_holders[item] > 0)
                        simulator_fail(s, "item %" PRIu64 " of the removed job was not revoked", item);
        s->books[event->job - 1].removed = true;
}

static void office_on_hand_back(Simulator *s, const Event *event) {
        Site *site = s->sites + event->worker;
        int r;

        r = plan_hand_back(s->plan, event->worker + 1, event->job, event->first, event->end, s->now);
        MUST(r >= 0 || !simulator_book(s, event->job));
        for (unsigned i = 0; i < site->n_lanes_allocated; i++)
                office_relieve(s, site->lanes + i, event->job, event->first, event->end);
}

void office_handle(Simulator *s, const Event *event) {
        Site *site = event->type < EVENT_LOSE ? s->sites + event->worker : NULL;
        bool current = site && site->joined && event->epoch == site->joined_session;

        switch (event->type) {
        case EVENT_JOIN:
                office_on_join(s, event);
                break;
        case EVENT_RESULT:
                office_on_result(s, event);
                break;
        case EVENT_REQUEST:
                if (current)
                        office_on_request(s, event);
                break;
        case EVENT_HAND_BACK:
                if (site->joined)
                        office_on_hand_back(s, event);
                break;
        case EVENT_LANES:
                if (current)
                        office_on_lanes(s, event);
                break;
        case EVENT_GOODBYE:
                if (current)
                        office_remove(s, event->worker);
                break;
        case EVENT_DETECT:
                if (current && (!site->alive || site->stalled))
                        office_remove(s, event->worker);
                break;
        case EVENT_LOSE:
                office_lose(s, event);
                break;
        case EVENT_PAUSE:
                MUST(plan_job_pause(s->plan, event->job, event->first, s->now) >= 0);
                break;
        case EVENT_REMOVE_JOB:
                office_remove_job(s, event);
                break;
        case EVENT_START_JOB:
                MUST(simulator_open_book(s, s->later[event->first], NULL) >= 0);
                break;
        case EVENT_SET_PRIORITY:
                MUST(plan_job_set_priority(s->plan, event->job, (unsigned) event->first) >= 0);
                break;
        default:
                break;
        }
}

void office_check_end(Simulator *s) {
        bool finished = true;

        for (size_t i = 0; i < s->n_books; i++) {
                const Book *book = s->books + i;
                const IntervalSet *done;

                if (book->removed)
                        continue;
                done = plan_job_done(s->plan, i + 1);
                if (!done || done->n_members != book->n_accepted)
                        simulator_fail(s, "job %zu: the plan's done items are not the accepted ones", i + 1);
                if (plan_job_finished(s->plan, i + 1) != (book->n_accepted == book->job.n_items))
                        simulator_fail(s, "job %zu: finished or not?", i + 1);
                for (uint64_t item = 0; item < book->n_items; item++)
                        if (book->accepted[item] != interval_set_contains(done, item))
                                simulator_fail(s, "job %zu: the plan is wrong about item %" PRIu64, i + 1, item);
                finished = finished && book->finished_at;
        }
        if (!finished)
                return;

        for (size_t i = 0; i < s->n_sites; i++) {
                PlanLease lease;

                if (plan_worker_leased(s->plan, i + 1) > 0)
                        simulator_fail(s, "all is done, but worker %zu holds items", i + 1);
                for (unsigned j = 0; s->sites[i].joined && j < s->sites[i].joined_lanes; j++)
                        if (plan_lease(s->plan, i + 1, j, s->now, &lease) != PLAN_NOTHING_LEFT)
                                simulator_fail(s, "all is done, but worker %zu lane %u is not told so",
                                               i + 1, j);
        }
        for (unsigned i = 0; i < 2; i++)
                MUST(plan_advance(s->plan, s->now + (i + 1) * USEC_PER_HOUR) >= 0);
        if (plan_next_deadline(s->plan) != USEC_INFINITY)
                simulator_fail(s, "all is done, but the plan waits for a deadline");
}
