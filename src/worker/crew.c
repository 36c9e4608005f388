/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The crew, as the event loop sees it. */

#include "worker/crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "worker/crew-state.h"

static int desk_init(CrewDesk *desk) {
        mpz_inits(desk->start, desk->end, NULL);
        desk->packer = packer_new();
        desk->packed = malloc(pack_bound(GRID_BLOCK_BYTES_MAX));
        return desk->packer && desk->packed ? 0 : -ENOMEM;
}

static void desk_done(CrewDesk *desk) {
        packer_free(desk->packer);
        free(desk->packed);
        mpz_clears(desk->start, desk->end, NULL);
}

static void condition_init(pthread_cond_t *condition) {
        pthread_condattr_t attributes;

        (void) pthread_condattr_init(&attributes);
        (void) pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        (void) pthread_cond_init(condition, &attributes);
        (void) pthread_condattr_destroy(&attributes);
}

static void lane_init(CrewLane *lane, Crew *crew) {
        lane->crew = crew;
        condition_init(&lane->wake);
        atomic_init(&lane->cancel, false);
        schedule_init(&lane->schedule);
        lane->measure_usec = USEC_INFINITY;
        mpz_inits(lane->start, lane->stop, NULL);
}

static void row_drop_all(CrewRow *row) {
        for (unsigned i = 0; i < row->n_leases; i++)
                crew_job_unref(row->leases[i].job);
        row->n_leases = 0;
}

static void lane_done(CrewLane *lane) {
        for (unsigned i = 0; i < CREW_CLIENTS_MAX; i++)
                row_drop_all(lane->rows + i);
        sieve_run_free(lane->run);
        crew_job_unref(lane->run_job);
        free(lane->bitmap);
        mpz_clears(lane->start, lane->stop, NULL);
        (void) pthread_cond_destroy(&lane->wake);
}

static size_t memory_or_default(size_t memory_max) {
        return memory_max > 0 ? memory_max : SIEVE_MEMORY_DEFAULT;
}

int crew_new(const CrewSettings *settings, Crew **ret) {
        _cleanup_(crew_freep) Crew *crew = NULL;
        int r;

        crew = calloc(1, sizeof *crew);
        if (!crew)
                return -ENOMEM;
        *crew = (Crew) {
                .n_threads = settings->n_threads,
                .memory_max = memory_or_default(settings->memory_max),
                .pending_bytes_max = settings->pending_bytes_max,
                .event_fd = -1,
        };
        (void) pthread_mutex_init(&crew->mutex, NULL);
        lane_init(&crew->lane, crew);

        crew->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (crew->event_fd < 0)
                return -errno;
        crew->desks = calloc(settings->n_threads, sizeof *crew->desks);
        if (!crew->desks)
                return -ENOMEM;
        while (crew->n_threads_max < settings->n_threads) {
                r = desk_init(crew->desks + crew->n_threads_max++);
                if (r < 0)
                        return r;
        }
        r = team_new(settings->n_threads, &crew->team);
        if (r < 0)
                return r;
        r = pthread_create(&crew->lane.thread, NULL, crew_lane_main, &crew->lane);
        if (r != 0)
                return -r;
        crew->lane.started = true;
        *ret = TAKE_PTR(crew);
        return 0;
}

static void crew_wake(Crew *crew) {
        (void) pthread_cond_signal(&crew->lane.wake);
}

/* From now on no window is begun, and the one that is in work is left. */
static void crew_cancel(Crew *crew) {
        (void) pthread_mutex_lock(&crew->mutex);
        crew->stopping = true;
        atomic_store(&crew->lane.cancel, true);
        crew_wake(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

bool crew_stop(Crew *crew, usec_t span) {
        struct timespec end;

        crew_cancel(crew);
        (void) clock_gettime(CLOCK_REALTIME, &end);
        end.tv_sec += (time_t) (span / USEC_PER_SEC);
        end.tv_nsec += (long) (span % USEC_PER_SEC) * 1000;
        if (end.tv_nsec >= 1000000000) {
                end.tv_nsec -= 1000000000;
                end.tv_sec++;
        }
        /* When the lane's thread has ended, the others sleep. */
        if (crew->lane.started && pthread_timedjoin_np(crew->lane.thread, NULL, &end) != 0)
                return false;
        crew->lane.started = false;
        return true;
}

Crew *crew_free(Crew *crew) {
        if (!crew)
                return NULL;

        crew_cancel(crew);
        if (crew->lane.started)
                (void) pthread_join(crew->lane.thread, NULL);
        crew->team = team_free(crew->team);
        lane_done(&crew->lane);
        for (unsigned i = 0; i < crew->n_threads_max; i++)
                desk_done(crew->desks + i);
        free(crew->desks);
        for (unsigned i = 0; i < crew->n_slots; i++)
                crew_client_unref(crew->clients[i]);
        for (CrewResult *result; (result = crew->results);) {
                crew->results = result->next;
                crew_result_free(result);
        }
        (void) fd_close(crew->event_fd);
        (void) pthread_mutex_destroy(&crew->mutex);
        free(crew);
        return NULL;
}

int crew_fd(const Crew *crew) {
        return crew->event_fd;
}

CrewResult *crew_pop_result(Crew *crew) {
        CrewResult *result;
        uint64_t counter;

        (void) pthread_mutex_lock(&crew->mutex);
        result = crew->results;
        if (result) {
                crew->results = result->next;
                if (!crew->results)
                        crew->last_result = NULL;
                result->next = NULL;
        } else
                (void) !read(crew->event_fd, &counter, sizeof counter);
        (void) pthread_mutex_unlock(&crew->mutex);
        return result;
}

int crew_error(Crew *crew) {
        int error;

        (void) pthread_mutex_lock(&crew->mutex);
        error = crew->error;
        (void) pthread_mutex_unlock(&crew->mutex);
        return error;
}

/* Clients */

int crew_attach(Crew *crew, CrewClient *client) {
        unsigned slot = 0;
        int r = 0;

        (void) pthread_mutex_lock(&crew->mutex);
        while (slot < CREW_CLIENTS_MAX && crew->clients[slot])
                slot++;
        if (slot == CREW_CLIENTS_MAX)
                r = -EUSERS;
        else {
                crew->clients[slot] = crew_client_ref(client);
                crew->n_slots = MAX(crew->n_slots, slot + 1);
                crew->n_clients++;
                client->slot = slot;
                client->n_threads = crew->n_threads_max;
                client->window_blocks = 0;
                schedule_reset(&crew->lane.schedule, slot);
        }
        (void) pthread_mutex_unlock(&crew->mutex);
        return r;
}

/* The window in work is the client's, and something of it is wanted. */
static bool lane_works_for(const CrewLane *lane, const CrewClient *client) {
        return lane->window.n_pieces > 0 && lane->window.job->client == client;
}

/* Nothing of the window is wanted any more. */
static void lane_cancel(CrewLane *lane) {
        lane->window.n_pieces = 0;
        atomic_store(&lane->cancel, true);
}

void crew_detach(Crew *crew, CrewClient *client) {
        (void) pthread_mutex_lock(&crew->mutex);
        if (lane_works_for(&crew->lane, client))
                lane_cancel(&crew->lane);
        row_drop_all(crew->lane.rows + client->slot);
        crew->clients[client->slot] = NULL;
        crew->n_clients--;
        client->slot = SCHEDULE_NONE;
        crew_wake(crew); /* the others have more room */
        crew_signal(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
        crew_client_unref(client);
}

void crew_limit(Crew *crew, CrewClient *client, unsigned n_threads, unsigned cpu_percent) {
        usec_t now = clock_now_usec();
        unsigned permille = 0;

        (void) pthread_mutex_lock(&crew->mutex);
        client->n_threads = MIN(n_threads, crew->n_threads_max);
        /* The lane is charged for the time of all its threads. */
        if (cpu_percent > 0 && cpu_percent < 100 * client->n_threads)
                permille = 10 * cpu_percent;
        schedule_set_duty(&crew->lane.schedule, client->slot, permille, now);
        crew_lane_apply_threads(&crew->lane);
        crew_wake(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

void crew_release(Crew *crew, CrewClient *client, size_t n_bytes) {
        bool had_room;

        (void) pthread_mutex_lock(&crew->mutex);
        had_room = crew_has_room(crew, client);
        client->pending_bytes -= MIN(n_bytes, client->pending_bytes);
        if (!had_room && crew_has_room(crew, client))
                crew_wake(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

size_t crew_pending_bytes(Crew *crew, const CrewClient *client) {
        size_t n;

        (void) pthread_mutex_lock(&crew->mutex);
        n = client->pending_bytes;
        (void) pthread_mutex_unlock(&crew->mutex);
        return n;
}

/* Leases */

int crew_assign(Crew *crew, CrewJob *job, uint64_t first, uint64_t end, uint64_t run_end) {
        CrewLane *lane = &crew->lane;
        unsigned slot = job->client->slot;
        CrewRow *row = lane->rows + slot;
        int r = 0;

        (void) pthread_mutex_lock(&crew->mutex);
        if (row->n_leases >= CREW_LEASES_MAX)
                r = -ENOBUFS;
        else {
                if (row->n_leases == 0)
                        schedule_enter(&lane->schedule, slot);
                row->leases[row->n_leases++] = (CrewLease) { crew_job_ref(job), first, end, MAX(run_end, end) };
                crew_wake(crew);
        }
        (void) pthread_mutex_unlock(&crew->mutex);
        return r;
}

bool crew_wants(Crew *crew, const CrewClient *client) {
        const CrewLane *lane = &crew->lane;
        ScheduleOffer offers[CREW_CLIENTS_MAX];
        bool wants = false, works;
        unsigned n_leases;

        (void) pthread_mutex_lock(&crew->mutex);
        works = lane_works_for(lane, client);
        /* The leases of the window are in the row until it is done, unless they were revoked. */
        n_leases = MAX(lane->rows[client->slot].n_leases, (unsigned) works);
        if (crew->n_threads > 0 && client->n_threads > 0 && n_leases < CREW_LEASES_IN_HAND &&
            !crew_lane_measures_soon(lane)) {
                crew_lane_offers(lane, offers);
                if (works)
                        offers[client->slot].ready = true; /* maybe with the last blocks that it has */
                wants = schedule_wait(&lane->schedule, offers, crew->n_slots, client->slot) <= SCHEDULE_QUANTUM_USEC;
        }
        (void) pthread_mutex_unlock(&crew->mutex);
        return wants;
}

uint64_t crew_window_blocks(Crew *crew, const CrewClient *client) {
        uint64_t n;

        (void) pthread_mutex_lock(&crew->mutex);
        n = client->window_blocks;
        (void) pthread_mutex_unlock(&crew->mutex);
        return n;
}

/* Cuts [first, end) out of a lease; only an end of it can be cut, a hole in the middle is computed in vain. */
static void lease_cut(CrewLease *lease, uint64_t first, uint64_t end) {
        if (first <= lease->next && end > lease->next)
                lease->next = MIN(end, lease->end);
        else if (first < lease->end && end >= lease->end)
                lease->end = MAX(first, lease->next);
}

void crew_revoke(Crew *crew, const CrewClient *client, uint64_t job, uint64_t first, uint64_t end) {
        CrewLane *lane = &crew->lane;
        CrewRow *row = lane->rows + client->slot;

        (void) pthread_mutex_lock(&crew->mutex);
        if (lane_works_for(lane, client) && lane->window.job->id == job) {
                /* With too many pieces it is computed in vain, too. */
                (void) crew_window_cut(&lane->window, first, end);
                if (lane->window.n_pieces == 0)
                        lane_cancel(lane);
        }
        for (unsigned k = 0; k < row->n_leases; k++)
                if (row->leases[k].job->id == job)
                        lease_cut(row->leases + k, first, end);
        crew_row_drop_finished(row);
        crew_signal(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

/* What is wanted of the window, which is no more after this. */
static size_t lane_withdraw_window(CrewLane *lane, CrewRemainder *ret) {
        CrewWindow *window = &lane->window;
        size_t n = window->n_pieces;

        for (size_t i = 0; i < n; i++)
                ret[i] = (CrewRemainder) { crew_job_ref(window->job), window->pieces[i].first, window->pieces[i].end };
        lane_cancel(lane);
        return n;
}

size_t crew_withdraw(Crew *crew, const CrewClient *client, CrewRemainder ret[static CREW_REMAINDERS_MAX]) {
        CrewLane *lane = &crew->lane;
        CrewRow *row = lane->rows + client->slot;
        size_t n = 0;

        (void) pthread_mutex_lock(&crew->mutex);
        if (lane_works_for(lane, client))
                n = lane_withdraw_window(lane, ret);
        for (unsigned i = 0; i < row->n_leases; i++) {
                CrewLease *lease = row->leases + i;

                if (lease->next == lease->end) {
                        crew_job_unref(lease->job);
                        continue;
                }
                /* What continues is one stretch. */
                if (n > 0 && ret[n - 1].job == lease->job && ret[n - 1].end == lease->next) {
                        ret[n - 1].end = lease->end;
                        crew_job_unref(lease->job);
                } else
                        ret[n++] = (CrewRemainder) { TAKE_PTR(lease->job), lease->next, lease->end };
        }
        row->n_leases = 0;
        if (n > 0)
                crew_signal(crew); /* the others may be wanted sooner */
        (void) pthread_mutex_unlock(&crew->mutex);
        return n;
}

void crew_set_threads(Crew *crew, unsigned n_threads) {
        (void) pthread_mutex_lock(&crew->mutex);
        if (crew->lane.measures && crew->n_threads != MIN(n_threads, crew->n_threads_max))
                atomic_store(&crew->lane.cancel, true);
        crew->n_threads = MIN(n_threads, crew->n_threads_max);
        crew_lane_apply_threads(&crew->lane);
        crew_wake(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

void crew_set_profile(Crew *crew, const SieveProfile *profile) {
        (void) pthread_mutex_lock(&crew->mutex);
        crew->lane.profile = *profile;
        crew->lane.has_profile = true;
        (void) pthread_mutex_unlock(&crew->mutex);
}

void crew_measure(Crew *crew, usec_t after_usec) {
        (void) pthread_mutex_lock(&crew->mutex);
        crew->lane.measure_usec = after_usec;
        crew_wake(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

bool crew_pop_profile(Crew *crew, SieveProfile *ret) {
        bool measured;

        (void) pthread_mutex_lock(&crew->mutex);
        measured = crew->lane.measured;
        if (measured)
                *ret = crew->lane.profile;
        crew->lane.measured = false;
        (void) pthread_mutex_unlock(&crew->mutex);
        return measured;
}

unsigned crew_threads(const Crew *crew) {
        return crew->n_threads;
}

unsigned crew_threads_max(const Crew *crew) {
        return crew->n_threads_max;
}

void crew_set_memory(Crew *crew, size_t memory_max, size_t pending_bytes_max) {
        (void) pthread_mutex_lock(&crew->mutex);
        crew->memory_max = memory_or_default(memory_max);
        crew->pending_bytes_max = pending_bytes_max;
        crew_wake(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}
