/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The thread of the lane: choose a client, make a window of its next blocks, compute it with the team.
 *
 * A window is as long as the kernel likes it here (sieve_window_length()), made of blocks that continue one another:
 * of the first lease, and of those behind it while the window has less than half of its length. The other leases
 * are kept for the next window: what is computed has no room for a lease that could come in the meantime, so that the
 * team would have to wait for one.
 *
 * The cancel flag, which the kernel polls, is set when nothing of the window is wanted any more; the thread clears it
 * when it begins the next one.
 */

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "worker/crew-state.h"

#define MEASURE_AGAIN_USEC (30 * USEC_PER_SEC) /* of CPU time, after it was put off */
#define DUTY_WINDOW_USEC USEC_PER_SEC /* of CPU time: the dose for a client that may use a part of the time only */

void crew_row_drop_finished(CrewRow *row) {
        unsigned n = 0;

        for (unsigned i = 0; i < row->n_leases; i++)
                if (row->leases[i].next < row->leases[i].end)
                        row->leases[n++] = row->leases[i];
                else
                        crew_job_unref(row->leases[i].job);
        row->n_leases = n;
}

void crew_signal(Crew *crew) {
        uint64_t one = 1;

        (void) !write(crew->event_fd, &one, sizeof one);
}

bool crew_has_room(const Crew *crew, const CrewClient *client) {
        size_t share = crew->pending_bytes_max / MAX(crew->n_clients, 1U);

        return client->pending_bytes < MAX(share, (size_t) 1);
}

static unsigned client_threads(const Crew *crew, const CrewClient *client) {
        return MIN(crew->n_threads, client->n_threads);
}

void crew_lane_apply_threads(CrewLane *lane) {
        Crew *crew = lane->crew;

        /* At 0 the window goes on with one thread until it is done or taken back. */
        if (lane->window.job)
                team_set_limit(crew->team, MAX(client_threads(crew, lane->window.job->client), 1U));
}

/* The first lease of which something is left; NULL: there is none. */
static CrewLease *row_first_lease(CrewRow *row) {
        for (unsigned i = 0; i < row->n_leases; i++)
                if (row->leases[i].next < row->leases[i].end)
                        return row->leases + i;
        return NULL;
}

void crew_lane_offers(const CrewLane *lane, ScheduleOffer ret[static CREW_CLIENTS_MAX]) {
        const Crew *crew = lane->crew;

        for (unsigned i = 0; i < crew->n_slots; i++) {
                const CrewClient *client = crew->clients[i];
                const CrewLease *lease = row_first_lease((CrewRow *) lane->rows + i);

                ret[i] = (ScheduleOffer) { .weight = 1 };
                if (!client || !lease || client->n_threads == 0 || !crew_has_room(crew, client))
                        continue;
                ret[i] = (ScheduleOffer) {
                        .ready = true,
                        .continues = lease->job == lane->run_job && lease->next == lane->run_next,
                        .weight = atomic_load(&lease->job->priority),
                };
        }
}

/*
 * Begins a window with the next block of the client that the schedule chooses. Called with the mutex held.
 */
static bool lane_choose(CrewLane *lane, usec_t *ret_wake) {
        ScheduleOffer offers[CREW_CLIENTS_MAX];
        unsigned slot;
        CrewLease *lease;

        crew_lane_offers(lane, offers);
        slot = schedule_pick(&lane->schedule, offers, lane->crew->n_slots, clock_now_usec(), ret_wake);
        if (slot == SCHEDULE_NONE)
                return false;
        lease = row_first_lease(lane->rows + slot);
        lane->window = (CrewWindow) {
                .job = crew_job_ref(lease->job),
                .first = lease->next,
                .end = lease->next + 1,
                .pieces = { { lease->next, lease->next + 1 } },
                .n_pieces = 1,
                .run_end = lease->run_end,
                .weight = offers[slot].weight,
                .n_threads = client_threads(lane->crew, lease->job->client),
                .memory_max = lane->crew->memory_max,
        };
        lease->next++;
        atomic_store(&lane->cancel, false);
        crew_lane_apply_threads(lane);
        return true;
}

/* Prolongs the window to `n_blocks` at most. */
static void lane_extend(CrewLane *lane, uint64_t n_blocks) {
        CrewWindow *window = &lane->window;
        CrewClient *client = window->job->client;
        CrewRow *row;

        (void) pthread_mutex_lock(&lane->crew->mutex);
        client->window_blocks = n_blocks;
        if (window->n_pieces == 0) {
                /* Taken back in the meantime. */
                (void) pthread_mutex_unlock(&lane->crew->mutex);
                return;
        }
        row = lane->rows + client->slot;
        if (lane->schedule.rows[client->slot].duty_permille > 0 && client->block_usec > 0)
                n_blocks = CLAMP(DUTY_WINDOW_USEC / client->block_usec, UINT64_C(1), n_blocks);
        for (unsigned i = 0; i < row->n_leases && window->end - window->first < n_blocks; i++) {
                CrewLease *lease = row->leases + i;
                uint64_t length = window->end - window->first, n = MIN(lease->end - lease->next, n_blocks - length);

                if (lease->next == lease->end)
                        continue;
                /* Its own lease is the one that it has a block of. */
                if (lease->job != window->job || lease->next != window->end || (length > 1 && 2 * length >= n_blocks))
                        break;
                lease->next += n;
                window->end += n;
                window->run_end = lease->run_end;
        }
        window->pieces[0].end = window->end;
        (void) pthread_mutex_unlock(&lane->crew->mutex);
}

static void lane_wait(CrewLane *lane, usec_t wake) {
        struct timespec until = { .tv_sec = (time_t) (wake / USEC_PER_SEC),
                                  .tv_nsec = (long) (wake % USEC_PER_SEC) * 1000 };
        usec_t now = clock_now_usec();

        if (wake == USEC_INFINITY) {
                (void) pthread_cond_wait(&lane->wake, &lane->crew->mutex);
                return;
        }
        /* From the clock that counts through suspend to the one that conditions know. */
        (void) clock_gettime(CLOCK_MONOTONIC, &until);
        if (wake > now) {
                usec_t nsec = (usec_t) until.tv_nsec + (wake - now) % USEC_PER_SEC * 1000;

                until.tv_sec += (time_t) ((wake - now) / USEC_PER_SEC + nsec / 1000000000);
                until.tv_nsec = (long) (nsec % 1000000000);
        }
        (void) pthread_cond_timedwait(&lane->wake, &lane->crew->mutex, &until);
}

void crew_lane_forget_run(CrewLane *lane) {
        SieveRun *run = TAKE_PTR(lane->run);
        CrewJob *job = TAKE_PTR(lane->run_job);

        (void) pthread_mutex_unlock(&lane->crew->mutex);
        sieve_run_free(run);
        crew_job_unref(job);
        (void) pthread_mutex_lock(&lane->crew->mutex);
}

bool crew_lane_measures_soon(const CrewLane *lane) {
        return lane->used_usec >= lane->measure_usec;
}

/* Nothing is left to be done before. */
static bool lane_may_measure(const CrewLane *lane) {
        const Crew *crew = lane->crew;

        for (unsigned i = 0; i < crew->n_slots; i++)
                if (lane->rows[i].n_leases > 0)
                        return false;
        return crew->n_threads > 0 && crew_lane_measures_soon(lane);
}

/* Called with the mutex held, which it drops for that time. */
static void lane_measure_machine(CrewLane *lane) {
        unsigned n_threads = lane->crew->n_threads;
        size_t memory_max = lane->crew->memory_max;
        SieveProfile profile;
        int r;

        lane->measures = true;
        atomic_store(&lane->cancel, false);
        team_set_limit(lane->crew->team, n_threads);
        crew_lane_forget_run(lane);
        (void) pthread_mutex_unlock(&lane->crew->mutex);
        r = crew_window_measure(lane, n_threads, memory_max, &profile);
        (void) pthread_mutex_lock(&lane->crew->mutex);
        lane->measures = false;
        if (r >= 0) {
                lane->profile = profile;
                lane->has_profile = lane->measured = true;
        }
        /* What failed once need not be tried for ever. */
        lane->measure_usec = r == -ECANCELED ? lane->used_usec + MEASURE_AGAIN_USEC : USEC_INFINITY;
        crew_signal(lane->crew);
}

/* Waits for the next window. False: the crew is stopping. */
static bool lane_take(CrewLane *lane) {
        Crew *crew = lane->crew;
        bool taken = false;

        (void) pthread_mutex_lock(&crew->mutex);
        while (!crew->stopping && !taken) {
                usec_t wake = USEC_INFINITY;

                if (crew->n_threads == 0 && lane->bitmap) {
                        free(TAKE_PTR(lane->bitmap));
                        lane->bitmap_size = 0;
                        crew_lane_forget_run(lane);
                        continue;
                }
                if (lane_may_measure(lane)) {
                        lane_measure_machine(lane);
                        continue;
                }
                taken = crew->n_threads > 0 && lane_choose(lane, &wake);
                if (!taken)
                        lane_wait(lane, wake);
        }
        (void) pthread_mutex_unlock(&crew->mutex);
        return taken;
}

/*
 * What the start of a run costs: the first window's time without what its numbers took, as soon as a second one tells
 * how much that is; before that a block's share of it.
 */
static void lane_note_start(CrewLane *lane, unsigned slot, usec_t cpu_usec) {
        const CrewWindow *window = &lane->window;
        usec_t block_usec = cpu_usec / (window->end - window->first);

        if (window->run_began) {
                lane->run_first_usec = cpu_usec;
                lane->run_first_length = window->length;
                schedule_started(&lane->schedule, slot, block_usec);
        } else if (lane->run_first_length > 0) {
                double expected = (double) cpu_usec * (double) lane->run_first_length / (double) window->length;
                usec_t start_usec = lane->run_first_usec - MIN(lane->run_first_usec, (usec_t) expected);

                lane->run_first_length = 0;
                schedule_started(&lane->schedule, slot, start_usec + block_usec);
        }
}

/* Charges what was used and makes the lane free for the next window. */
static void lane_finish(CrewLane *lane, int error, usec_t cpu_usec) {
        CrewWindow *window = &lane->window;
        Crew *crew = lane->crew;
        CrewClient *client = window->job->client;

        (void) pthread_mutex_lock(&crew->mutex);
        if (window->run_stands)
                lane->run_next = window->end;
        else
                crew_lane_forget_run(lane);
        if (error < 0 && error != -ECANCELED && crew->error == 0)
                crew->error = error;
        lane->used_usec += cpu_usec;
        if (client->slot != SCHEDULE_NONE) {
                client->block_usec = cpu_usec / (window->end - window->first);
                schedule_charge(&lane->schedule, client->slot, window->weight, cpu_usec, clock_now_usec());
                if (error >= 0)
                        lane_note_start(lane, client->slot, cpu_usec);
                crew_row_drop_finished(lane->rows + client->slot);
        }
        crew_window_drop_slots(window);
        crew_job_unref(window->job);
        *window = (CrewWindow) {};
        crew_signal(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

void *crew_lane_main(void *userdata) {
        CrewLane *lane = userdata;

        while (lane_take(lane)) {
                usec_t begin = team_cpu_usec(lane->crew->team);
                int r;

                lane_extend(lane, crew_window_blocks_wanted(lane));
                r = crew_window_compute(lane);
                lane_finish(lane, r, team_cpu_usec(lane->crew->team) - begin);
                if (r < 0 && r != -ECANCELED)
                        break;
        }
        return NULL;
}
