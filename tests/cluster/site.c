/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A simulated worker: lanes that do their leases in order, ask for more in time, obey revocations, and meet
 * with accidents. It knows nothing but what messages told it, and these take their time.
 */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "cluster/must.h"
#include "cluster/simulator-state.h"

void site_send(Simulator *s, unsigned at, Event event) {
        Site *site = s->sites + at;

        event.worker = at;
        event.time = MAX(s->now + site->traits.latency_usec, site->up_usec);
        site->up_usec = event.time;
        event_queue_push(&s->queue, event);
}

/* lanes */

static void lane_insert_task(SiteLane *lane, size_t at, Task task) {
        if (lane->n_tasks == lane->n_tasks_allocated) {
                lane->n_tasks_allocated = lane->n_tasks_allocated * 2 + 4;
                lane->tasks = reallocarray(lane->tasks, lane->n_tasks_allocated, sizeof *lane->tasks);
                MUST(lane->tasks);
        }
        memmove(lane->tasks + at + 1, lane->tasks + at, (lane->n_tasks - at) * sizeof *lane->tasks);
        lane->tasks[at] = task;
        lane->n_tasks++;
}

static void lane_remove_task(SiteLane *lane, size_t at) {
        memmove(lane->tasks + at, lane->tasks + at + 1, (lane->n_tasks - at - 1) * sizeof *lane->tasks);
        lane->n_tasks--;
}

/* A lane begins to be idle, or is no longer. What it could have done while its request was held up on the link is lost
 * by the link's fault, not by the plan's. */
static void lane_note_idle(Simulator *s, const Site *site, SiteLane *lane, bool idle) {
        if (!idle && lane->idle)
                s->lost_cost += (double) MIN(s->now - lane->idle_since, lane->held_usec) *
                                site->traits.items_per_second / USEC_PER_SEC;
        if (idle && !lane->idle)
                lane->idle_since = s->now;
        lane->idle = idle;
}

static void lane_start(Simulator *s, unsigned at, unsigned index) {
        Site *site = s->sites + at;
        SiteLane *lane = site->lanes + index;
        const Task *task = lane->tasks;
        bool start;

        if (lane->busy || !site->alive || site->stalled)
                return;
        lane_note_idle(s, site, lane, lane->n_tasks == 0);
        if (lane->n_tasks == 0)
                return;
        start = lane->stream_job != task->job || lane->stream_next != task->first;
        if (start)
                s->report.n_starts++;
        lane->cost = simulator_item_cost(s, task->job, task->first);
        lane->stream_job = task->job;
        lane->stream_next = task->first + 1;
        lane->busy = true;
        lane->begun = s->now;
        lane->finish = s->now + (usec_t) (lane->cost / site->traits.items_per_second * USEC_PER_SEC) +
                       (start ? site->traits.start_usec : 0);
        event_queue_push(&s->queue, (Event) {
                                                    .time = lane->finish,
                                                    .type = EVENT_ITEM_DONE,
                                                    .worker = at,
                                                    .lane = index,
                                                    .epoch = ++lane->epoch,
                                    });
}

static void lane_ask(Simulator *s, unsigned at, unsigned index) {
        Site *site = s->sites + at;
        SiteLane *lane = site->lanes + index;

        if (!site->alive || site->stalled || !site->connected || lane->asked)
                return;
        if (lane->n_tasks >= s->settings.leases_in_hand)
                return;
        lane->asked = true;
        lane->held_usec = MAX(site->up_usec, s->now + site->traits.latency_usec) - s->now - site->traits.latency_usec;
        site_send(s, at, (Event) { .type = EVENT_REQUEST, .lane = index, .epoch = site->session });
}

/* How much of the item it is at a lane has done, as cost. */
static double lane_done_part(const Simulator *s, const SiteLane *lane) {
        if (!lane->busy || lane->finish <= lane->begun)
                return 0;
        return lane->cost * MIN(1.0, (double) (s->now - lane->begun) / (lane->finish - lane->begun));
}

static void lane_abort(SiteLane *lane) {
        if (!lane->busy)
                return;
        lane->busy = false;
        lane->epoch++;
        lane->stream_job = 0; /* the sieve's state is gone */
}

/* An accident takes all that the lane has. */
static void lane_lose_all(Simulator *s, SiteLane *lane) {
        s->lost_cost += lane_done_part(s, lane);
        lane_abort(lane);
        lane->n_tasks = 0;
        lane->asked = false;
        lane->stream_job = 0;
}

static void lane_cut(SiteLane *lane, uint64_t job, uint64_t first, uint64_t end) {
        for (size_t i = 0; i < lane->n_tasks; i++) {
                Task *task = lane->tasks + i, rest = *task;

                if (task->job != job || task->end <= first || end <= task->first)
                        continue;
                if (i == 0 && first <= task->first)
                        lane_abort(lane);
                if (task->first < first && end < task->end) {
                        task->end = first;
                        rest.first = end;
                        lane_insert_task(lane, i + 1, rest);
                        continue;
                }
                if (task->first < first)
                        task->end = first;
                else
                        task->first = MIN(end, task->end);
                if (task->first >= task->end)
                        lane_remove_task(lane, i--);
        }
}

static void lane_item_done(Simulator *s, unsigned at, unsigned index, unsigned epoch) {
        Site *site = s->sites + at;
        SiteLane *lane = site->lanes + index;
        Task *task = lane->tasks;
        Event result;

        if (!lane->busy || lane->epoch != epoch || site->stalled)
                return;
        lane->busy = false;
        result = (Event) { .type = EVENT_RESULT,
                          .lane = index,
                          .job = task->job,
                          .first = task->first,
                          .value = lane->finish - lane->begun };
        if (site->traits.p_late > 0 && random_unit(&s->random) < site->traits.p_late)
                site->up_usec = MAX(site->up_usec,
                                    s->now + site->traits.latency_usec + site->traits.late_usec);
        site_send(s, at, result);
        if (site->traits.p_twice > 0 && random_unit(&s->random) < site->traits.p_twice)
                site_send(s, at, result);
        if (++task->first == task->end)
                lane_remove_task(lane, 0);
        lane_start(s, at, index);
        lane_ask(s, at, index);
}

/* the worker */

static void site_connect(Simulator *s, unsigned at) {
        Site *site = s->sites + at;

        site->alive = true;
        site->connected = true;
        site->session++;
        simulator_note_capacity(s);
        site_send(s, at, (Event) { .type = EVENT_JOIN, .first = site->n_lanes, .epoch = site->session });
        for (unsigned i = 0; i < site->n_lanes; i++) {
                site->lanes[i].asked = false;
                lane_ask(s, at, i);
        }
}

static void site_resize(Site *site, unsigned n_lanes) {
        if (n_lanes > site->n_lanes_allocated) {
                site->lanes = reallocarray(site->lanes, n_lanes, sizeof *site->lanes);
                MUST(site->lanes);
                memset(site->lanes + site->n_lanes_allocated, 0,
                       (n_lanes - site->n_lanes_allocated) * sizeof *site->lanes);
                site->n_lanes_allocated = n_lanes;
        }
        site->n_lanes = n_lanes;
}

static void site_set_lanes(Simulator *s, unsigned at, unsigned n_lanes) {
        Site *site = s->sites + at;
        unsigned n_old = site->n_lanes;

        for (unsigned i = n_lanes; i < n_old; i++)
                lane_lose_all(s, site->lanes + i);
        site_resize(site, n_lanes);
        site_send(s, at, (Event) { .type = EVENT_LANES, .first = n_lanes, .epoch = site->session });
        for (unsigned i = n_old; i < n_lanes; i++)
                lane_ask(s, at, i);
}

static void site_hand_back(Simulator *s, unsigned at, bool all) {
        Site *site = s->sites + at;

        for (unsigned i = 0; i < site->n_lanes; i++) {
                SiteLane *lane = site->lanes + i;

                for (size_t j = 0; j < lane->n_tasks;) {
                        Task task = lane->tasks[j];

                        if (j == 0 && lane->busy && !all)
                                task.first++;
                        if (task.first < task.end)
                                site_send(s, at,
                                          (Event) { .type = EVENT_HAND_BACK,
                                                   .lane = i,
                                                   .job = task.job,
                                                   .first = task.first,
                                                   .end = task.end });
                        if (j == 0 && lane->busy && !all)
                                lane->tasks[j++].end = task.first;
                        else
                                lane_remove_task(lane, j);
                }
                if (all)
                        lane_lose_all(s, lane);
        }
}

static void site_die(Simulator *s, unsigned at) {
        Site *site = s->sites + at;

        for (unsigned i = 0; i < site->n_lanes; i++)
                lane_lose_all(s, site->lanes + i);
        site->alive = site->connected = site->stalled = false;
        event_queue_push(&s->queue, (Event) { .time = s->now + s->detection_usec,
                                             .type = EVENT_DETECT,
                                             .worker = at,
                                             .epoch = site->session });
}

static void site_leave(Simulator *s, unsigned at) {
        Site *site = s->sites + at;

        site_hand_back(s, at, true);
        site_send(s, at, (Event) { .type = EVENT_GOODBYE, .epoch = site->session });
        site->alive = site->connected = site->stalled = false;
}

static void site_stall(Simulator *s, unsigned at, usec_t duration_usec) {
        Site *site = s->sites + at;

        site->stalled = true;
        for (unsigned i = 0; i < site->n_lanes; i++) {
                SiteLane *lane = site->lanes + i;

                lane->frozen_usec = lane->busy ? lane->finish - s->now : 0;
        }
        event_queue_push(&s->queue, (Event) { .time = s->now + duration_usec,
                                             .type = EVENT_WAKE,
                                             .worker = at,
                                             .epoch = site->session });
        if (duration_usec > s->detection_usec)
                event_queue_push(&s->queue, (Event) { .time = s->now + s->detection_usec,
                                                     .type = EVENT_DETECT,
                                                     .worker = at,
                                                     .epoch = site->session });
}

/* Goes on with what it was at. If the master has given it up, it keeps only that, and joins again. */
static void site_wake(Simulator *s, unsigned at) {
        Site *site = s->sites + at;
        bool lost_session = !site->joined || site->joined_session != site->session;

        site->stalled = false;
        for (unsigned i = 0; i < site->n_lanes; i++) {
                SiteLane *lane = site->lanes + i;

                if (lost_session && lane->n_tasks > 0) {
                        if (lane->busy) {
                                lane->n_tasks = 1;
                                lane->tasks[0].end = lane->tasks[0].first + 1;
                        } else
                                lane->n_tasks = 0;
                }
                if (lane->busy) {
                        lane->finish = s->now + lane->frozen_usec;
                        event_queue_push(&s->queue, (Event) { .time = lane->finish,
                                                             .type = EVENT_ITEM_DONE,
                                                             .worker = at,
                                                             .lane = i,
                                                             .epoch = ++lane->epoch });
                }
                lane_start(s, at, i);
                if (!lost_session)
                        lane_ask(s, at, i);
        }
        if (lost_session)
                site_connect(s, at);
}

static void site_set_speed(Simulator *s, unsigned at, double items_per_second) {
        Site *site = s->sites + at;
        double factor = site->traits.items_per_second / items_per_second;

        site->traits.items_per_second = items_per_second;
        for (unsigned i = 0; i < site->n_lanes; i++) {
                SiteLane *lane = site->lanes + i;

                if (!lane->busy || site->stalled)
                        continue;
                lane->finish = s->now + (usec_t) ((lane->finish - s->now) * factor);
                event_queue_push(&s->queue, (Event) { .time = lane->finish,
                                                     .type = EVENT_ITEM_DONE,
                                                     .worker = at,
                                                     .lane = i,
                                                     .epoch = ++lane->epoch });
        }
}

/* events */

static void site_on_lease(Simulator *s, const Event *event) {
        Site *site = s->sites + event->worker;
        SiteLane *lane = site->lanes + event->lane;

        if (!site->connected || event->epoch != site->session || event->lane >= site->n_lanes)
                return;
        lane->asked = false;
        lane_insert_task(lane, lane->n_tasks, (Task) { event->job, event->first, event->end });
        lane_start(s, event->worker, event->lane);
        lane_ask(s, event->worker, event->lane);
}

static void site_on_revoke(Simulator *s, const Event *event) {
        Site *site = s->sites + event->worker;

        if (!site->connected || event->epoch != site->session)
                return;
        for (unsigned i = 0; i < site->n_lanes; i++) {
                lane_cut(site->lanes + i, event->job, event->first, event->end);
                lane_start(s, event->worker, i);
                lane_ask(s, event->worker, i);
        }
}

void site_handle(Simulator *s, const Event *event) {
        Site *site = s->sites + event->worker;
        unsigned at = event->worker;

        switch (event->type) {
        case EVENT_LEASE:
                site_on_lease(s, event);
                return;
        case EVENT_REVOKE:
                site_on_revoke(s, event);
                return;
        case EVENT_ENOUGH:
                if (event->epoch == site->session && event->lane < site->n_lanes)
                        site->lanes[event->lane].asked = false;
                return;
        case EVENT_ITEM_DONE:
                lane_item_done(s, at, event->lane, event->epoch);
                return;
        case EVENT_CONNECT:
                if (!site->alive)
                        site_connect(s, at);
                break;
        case EVENT_WAKE:
                if (site->alive && site->stalled && event->epoch == site->session)
                        site_wake(s, at);
                break;
        case EVENT_SET_SPEED:
                site_set_speed(s, at, event->value);
                break;
        case EVENT_SET_LANES:
                if (site->alive && !site->stalled)
                        site_set_lanes(s, at, (unsigned) event->first);
                break;
        case EVENT_GIVE_UP:
                if (site->alive && !site->stalled)
                        site_hand_back(s, at, false);
                break;
        case EVENT_DIE:
                if (site->alive)
                        site_die(s, at);
                break;
        case EVENT_LEAVE:
                if (site->alive && !site->stalled)
                        site_leave(s, at);
                break;
        case EVENT_STALL:
                if (site->alive && !site->stalled)
                        site_stall(s, at, event->first);
                break;
        default:
                break;
        }
        simulator_note_capacity(s);
}
