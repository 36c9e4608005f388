/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The loop, the description of the cluster, and the ideal that the makespan is compared with.
 *
 * The ideal is what no schedule can beat: the time by which the lanes that lived, at the speeds they had,
 * could have done the work, if it could be cut at will, if messages took no time and runs cost no start.
 * Failures destroy work; the second ideal includes that.
 */

#include "cluster/simulator.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "cluster/must.h"
#include "cluster/simulator-state.h"

#define PROGRESS_USEC_MAX (2 * USEC_PER_HOUR) /* longer without a result, and no event to come: stuck */

/* lifetime */

Simulator *simulator_new(uint64_t seed) {
        Simulator *s = malloc(sizeof *s);

        MUST(s);
        *s = (Simulator) {
                .seed = seed,
                .settings = PLAN_SETTINGS_DEFAULT,
                .detection_usec = 30 * USEC_PER_SEC,
                .first_join = USEC_INFINITY,
                .report.digest = UINT64_C(0xcbf29ce484222325),
        };
        s->settings.seed = seed;
        random_init(&s->random, seed);
        return s;
}

Simulator *simulator_free(Simulator *s) {
        if (!s)
                return NULL;

        for (size_t i = 0; i < s->n_sites; i++) {
                for (unsigned j = 0; j < s->sites[i].n_lanes_allocated; j++) {
                        SiteLane *lane = s->sites[i].lanes + j;

                        for (size_t k = 0; k < lane->n_held; k++)
                                interval_set_done(lane->held + k);
                        free(lane->held);
                        free(lane->tasks);
                }
                free(s->sites[i].lanes);
        }
        for (size_t i = 0; i < s->n_books; i++) {
                free(s->books[i].accepted);
                free(s->books[i].accepted_at);
                free(s->books[i].n_holders);
        }
        free(s->books);
        free(s->sites);
        free(s->later);
        free(s->waiting);
        free(s->segments);
        event_queue_done(&s->queue);
        plan_free(s->plan);
        free(s);
        return NULL;
}

PlanSettings *simulator_settings(Simulator *s) {
        return &s->settings;
}

void simulator_set_detection(Simulator *s, usec_t detection_usec) {
        s->detection_usec = detection_usec;
}

void simulator_fail(Simulator *s, const char *format, ...) {
        va_list arguments;
        int n;

        if (s->failure[0])
                return;
        n = snprintf(s->failure, sizeof s->failure, "at %.6f s: ", (double) s->now / USEC_PER_SEC);
        va_start(arguments, format);
        (void) vsnprintf(s->failure + n, sizeof s->failure - n, format, arguments);
        va_end(arguments);
}

void simulator_note(Simulator *s, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
        uint64_t words[] = { a, b, c, d };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                s->report.digest = (s->report.digest ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
                s->report.digest ^= s->report.digest >> 29;
        }
}

/* capacity and work */

void simulator_note_capacity(Simulator *s) {
        double rate = 0;

        for (size_t i = 0; i < s->n_sites; i++)
                if (s->sites[i].alive && !s->sites[i].stalled)
                        rate += s->sites[i].n_lanes * s->sites[i].traits.items_per_second;
        if (rate > 0)
                s->first_join = MIN(s->first_join, s->now);

        if (s->n_segments == 0 || s->segments[s->n_segments - 1].from != s->now) {
                if (s->n_segments == s->n_segments_allocated) {
                        s->n_segments_allocated = s->n_segments_allocated * 2 + 16;
                        s->segments = reallocarray(s->segments, s->n_segments_allocated,
                                                   sizeof *s->segments);
                        MUST(s->segments);
                }
                s->n_segments++;
        }
        s->segments[s->n_segments - 1] = (Segment) { .from = s->now, .rate = rate };
}

double simulator_item_cost(const Simulator *s, uint64_t job, uint64_t item) {
        double spread = s->books[job - 1].spread;
        uint64_t mixed = (item + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ job;

        if (spread <= 1)
                return 1;
        mixed = (mixed ^ (mixed >> 31)) * UINT64_C(0xbf58476d1ce4e5b9);
        mixed ^= mixed >> 29;
        return 1 + (spread - 1) * (double) (mixed >> 11) / (double) (UINT64_C(1) << 53);
}

/* When `cost` could have been done. */
static usec_t simulator_ideal(const Simulator *s, double cost) {
        for (size_t i = 0; i < s->n_segments; i++) {
                const Segment *segment = s->segments + i;
                usec_t end = i + 1 < s->n_segments ? segment[1].from : USEC_INFINITY;
                double room = segment->rate * (double) (end - segment->from) / USEC_PER_SEC;

                if (segment->rate > 0 && room >= cost)
                        return segment->from + (usec_t) (cost / segment->rate * USEC_PER_SEC) -
                               s->first_join;
                cost -= room;
        }
        return USEC_INFINITY;
}

/* description */

int simulator_open_book(Simulator *s, PlanJob job, const IntervalSet *done) {
        uint64_t n_items;
        Book *book;

        job.id = s->n_books + 1;
        job.priority = MAX(job.priority, 1u);
        job.run_items = MAX(job.run_items, UINT64_C(1));
        if (job.spool_items_max == 0)
                job.spool_items_max = UINT64_MAX;

        n_items = MIN(job.n_items, BOOK_ITEMS_MAX);
        s->books = reallocarray(s->books, s->n_books + 1, sizeof *s->books);
        MUST(s->books);
        book = s->books + s->n_books++;
        *book = (Book) {
                .job = job,
                .n_items = n_items,
                .accepted = calloc(n_items, sizeof *book->accepted),
                .n_holders = calloc(n_items, sizeof *book->n_holders),
                .accepted_at = calloc(n_items, sizeof *book->accepted_at),
        };
        MUST(book->accepted && book->n_holders && book->accepted_at);
        for (uint64_t item = 0; item < n_items; item++) {
                book->accepted_at[item] = USEC_INFINITY;
                if (done && interval_set_contains(done, item)) {
                        book->accepted[item] = true;
                        book->n_accepted++;
                        book->n_taken++;
                }
        }
        while (book->frontier < n_items && book->accepted[book->frontier])
                book->frontier++;
        book->n_unasked = book->n_taken - book->frontier;

        if (!s->plan) {
                int r = plan_new(&s->settings, &s->plan);

                if (r < 0)
                        return r;
        }
        return plan_job_add(s->plan, &job, done);
}

uint64_t simulator_add_job_with(Simulator *s, PlanJob job, const IntervalSet *done) {
        MUST(simulator_open_book(s, job, done) >= 0);
        return s->n_books;
}

uint64_t simulator_add_job(Simulator *s, PlanJob job) {
        return simulator_add_job_with(s, job, NULL);
}

void simulator_vary_costs(Simulator *s, uint64_t job, double spread) {
        s->books[job - 1].spread = spread;
}

static void simulator_schedule(Simulator *s, Event event) {
        event_queue_push(&s->queue, event);
}

static void simulator_schedule_site(Simulator *s, usec_t at, EventType type, uint64_t worker,
                                    uint64_t first) {
        simulator_schedule(s, (Event) { .time = at,
                                       .type = type,
                                       .worker = (unsigned) worker - 1,
                                       .first = first });
}

uint64_t simulator_add_worker(Simulator *s, usec_t at, WorkerTraits traits) {
        if (s->n_sites == s->n_sites_allocated) {
                s->n_sites_allocated = s->n_sites_allocated * 2 + 16;
                s->sites = reallocarray(s->sites, s->n_sites_allocated, sizeof *s->sites);
                MUST(s->sites);
        }
        traits.n_lanes = MAX(traits.n_lanes, 1u);
        s->sites[s->n_sites] = (Site) {
                .traits = traits,
                .lanes = calloc(traits.n_lanes, sizeof(SiteLane)),
                .n_lanes = traits.n_lanes,
                .n_lanes_allocated = traits.n_lanes,
        };
        MUST(s->sites[s->n_sites].lanes);
        simulator_schedule_site(s, at, EVENT_CONNECT, s->n_sites + 1, 0);
        return ++s->n_sites;
}

/* accidents */

void simulator_die(Simulator *s, usec_t at, uint64_t worker) {
        simulator_schedule_site(s, at, EVENT_DIE, worker, 0);
}

void simulator_leave(Simulator *s, usec_t at, uint64_t worker) {
        simulator_schedule_site(s, at, EVENT_LEAVE, worker, 0);
}

void simulator_return(Simulator *s, usec_t at, uint64_t worker) {
        simulator_schedule_site(s, at, EVENT_CONNECT, worker, 0);
}

void simulator_stall(Simulator *s, usec_t at, uint64_t worker, usec_t duration_usec) {
        simulator_schedule_site(s, at, EVENT_STALL, worker, duration_usec);
}

void simulator_set_speed(Simulator *s, usec_t at, uint64_t worker, double items_per_second) {
        simulator_schedule(s, (Event) { .time = at,
                                       .type = EVENT_SET_SPEED,
                                       .worker = (unsigned) worker - 1,
                                       .value = items_per_second });
}

void simulator_set_lanes(Simulator *s, usec_t at, uint64_t worker, unsigned n_lanes) {
        simulator_schedule_site(s, at, EVENT_SET_LANES, worker, n_lanes);
}

void simulator_hand_back(Simulator *s, usec_t at, uint64_t worker) {
        simulator_schedule_site(s, at, EVENT_GIVE_UP, worker, 0);
}

void simulator_offer(Simulator *s, usec_t at, uint64_t worker, uint64_t job, uint64_t item) {
        simulator_schedule(s, (Event) { .time = at,
                                       .type = EVENT_RESULT,
                                       .worker = (unsigned) worker - 1,
                                       .job = job,
                                       .first = item });
}

void simulator_lose(Simulator *s, usec_t at, uint64_t job, uint64_t first, uint64_t end) {
        simulator_schedule(
                        s,
                        (Event) { .time = at, .type = EVENT_LOSE, .job = job, .first = first, .end = end });
}

void simulator_pause(Simulator *s, usec_t at, uint64_t job, bool paused) {
        simulator_schedule(s, (Event) { .time = at, .type = EVENT_PAUSE, .job = job, .first = paused });
}

void simulator_remove_job(Simulator *s, usec_t at, uint64_t job) {
        simulator_schedule(s, (Event) { .time = at, .type = EVENT_REMOVE_JOB, .job = job });
}

void simulator_start_job(Simulator *s, usec_t at, PlanJob job) {
        s->later = reallocarray(s->later, s->n_later + 1, sizeof *s->later);
        MUST(s->later);
        s->later[s->n_later] = job;
        simulator_schedule(s, (Event) { .time = at, .type = EVENT_START_JOB, .first = s->n_later++ });
}

void simulator_set_priority(Simulator *s, usec_t at, uint64_t job, unsigned priority) {
        simulator_schedule(s,
                           (Event) {
                                   .time = at,
                                   .type = EVENT_SET_PRIORITY,
                                   .job = job,
                                   .first = priority,
                           });
}

/* the loop */

static void simulator_handle(Simulator *s, const Event *event) {
        s->now = event->time;
        site_handle(s, event);
        office_handle(s, event);
        office_settle(s);
}

/* Lets the plan's own time go on until `until`. False: it waits for nothing. */
static bool simulator_advance(Simulator *s, usec_t until) {
        usec_t deadline = plan_next_deadline(s->plan);

        if (deadline > until)
                return false;
        s->now = MAX(s->now, deadline);
        MUST(plan_advance(s->plan, s->now) >= 0);
        office_settle(s);
        return true;
}

static bool simulator_is_over(Simulator *s) {
        if (!plan_has_work(s->plan))
                return true;
        if (s->now > s->progress_at + PROGRESS_USEC_MAX)
                simulator_fail(s, "stuck: work is left, but nothing happens");
        return false;
}

static void simulator_finish(Simulator *s) {
        SimulatorReport *report = &s->report;
        double cost = 0, fastest = 0, slowest = 1e18;

        for (size_t i = 0; i < s->n_books; i++)
                for (uint64_t item = 0; item < s->books[i].n_items; item++)
                        if (s->books[i].accepted_at[item] != USEC_INFINITY)
                                cost += simulator_item_cost(s, i + 1, item);
        for (size_t i = 0; i < s->n_sites; i++) {
                fastest = MAX(fastest, s->sites[i].traits.items_per_second);
                slowest = MIN(slowest, s->sites[i].traits.items_per_second);
        }
        report->makespan_usec = s->last_accept - s->first_join;
        report->ideal_usec = simulator_ideal(s, cost);
        report->ideal_lost_usec = simulator_ideal(s, cost + s->lost_cost);
        report->item_usec = (usec_t) (USEC_PER_SEC / fastest);
        report->slow_item_usec = (usec_t) (USEC_PER_SEC / slowest);
}

bool simulator_run(Simulator *s, usec_t until) {
        while (!s->failure[0]) {
                usec_t next = USEC_INFINITY;
                Event event;

                (void) event_queue_peek(&s->queue, &next);
                if (next == USEC_INFINITY && simulator_is_over(s))
                        break;
                if (simulator_advance(s, MIN(next, until)))
                        continue;
                if (next > until)
                        break;
                if (!event_queue_pop(&s->queue, &event)) {
                        simulator_fail(s, "stuck: work is left, but nobody waits for anything");
                        break;
                }
                simulator_handle(s, &event);
        }
        if (!s->failure[0] && until == USEC_INFINITY)
                office_check_end(s);
        simulator_finish(s);
        return !s->failure[0];
}

/* queries */

Book *simulator_book(const Simulator *s, uint64_t job) {
        return job > 0 && job <= s->n_books && !s->books[job - 1].removed ? s->books + job - 1 : NULL;
}

const char *simulator_failure(const Simulator *s) {
        return s->failure;
}

SimulatorReport simulator_report(const Simulator *s) {
        return s->report;
}

Plan *simulator_plan(Simulator *s) {
        return s->plan;
}

uint64_t simulator_job_accepted(const Simulator *s, uint64_t job) {
        return s->books[job - 1].n_accepted;
}

usec_t simulator_job_busy(const Simulator *s, uint64_t job) {
        return (usec_t) s->books[job - 1].busy_usec;
}

usec_t simulator_job_finished_at(const Simulator *s, uint64_t job) {
        return s->books[job - 1].finished_at;
}

usec_t simulator_item_accepted_at(const Simulator *s, uint64_t job, uint64_t item) {
        return s->books[job - 1].accepted_at[item];
}

uint64_t simulator_spool_most(const Simulator *s, uint64_t job) {
        return s->books[job - 1].n_spool_most;
}
