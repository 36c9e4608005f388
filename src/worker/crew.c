/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The crew of threads, as the event loop sees it. */

#include "worker/crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "worker/crew-state.h"

static int lane_init(CrewLane *lane, Crew *crew, unsigned number) {
        lane->crew = crew;
        lane->number = number;
        atomic_init(&lane->cancel, false);
        schedule_init(&lane->schedule);
        lane->packer = packer_new();
        lane->bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        lane->packed = malloc(pack_bound(GRID_BLOCK_BYTES_MAX));
        if (!lane->packer || !lane->bitmap || !lane->packed)
                return -ENOMEM;
        return 0;
}

static void condition_init(pthread_cond_t *condition) {
        pthread_condattr_t attributes;

        (void) pthread_condattr_init(&attributes);
        (void) pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        (void) pthread_cond_init(condition, &attributes);
        (void) pthread_condattr_destroy(&attributes);
}

static int lane_start(CrewLane *lane) {
        int r = pthread_create(&lane->thread, NULL, crew_lane_main, lane);

        if (r != 0)
                return -r;
        lane->started = true;
        return 0;
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
        crew_job_unref(lane->current_job);
        packer_free(lane->packer);
        free(lane->bitmap);
        free(lane->packed);
        mpz_clears(lane->start, lane->stop, NULL);
        (void) pthread_cond_destroy(&lane->wake);
}

int crew_new(unsigned n_lanes, size_t pending_bytes_max, Crew **ret) {
        _cleanup_(crew_freep) Crew *crew = NULL;
        int r;

        crew = calloc(1, sizeof *crew);
        if (!crew)
                return -ENOMEM;
        *crew = (Crew) {
                .n_threads = n_lanes,
                .pending_bytes_max = pending_bytes_max,
                .event_fd = -1,
        };
        (void) pthread_mutex_init(&crew->mutex, NULL);

        crew->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (crew->event_fd < 0)
                return -errno;
        crew->lanes = calloc(n_lanes, sizeof *crew->lanes);
        if (!crew->lanes)
                return -ENOMEM;
        for (; crew->n_lanes < n_lanes; crew->n_lanes++) {
                mpz_inits(crew->lanes[crew->n_lanes].start, crew->lanes[crew->n_lanes].stop, NULL);
                condition_init(&crew->lanes[crew->n_lanes].wake);
        }
        for (unsigned i = 0; i < n_lanes; i++) {
                r = lane_init(crew->lanes + i, crew, i);
                if (r < 0)
                        return r;
        }
        for (unsigned i = 0; i < n_lanes; i++) {
                r = lane_start(crew->lanes + i);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(crew);
        return 0;
}

static void crew_wake_all(Crew *crew) {
        for (unsigned i = 0; i < crew->n_lanes; i++)
                (void) pthread_cond_signal(&crew->lanes[i].wake);
}

/* From now on no lane takes a block, and each leaves the one it is at. */
static void crew_cancel(Crew *crew) {
        (void) pthread_mutex_lock(&crew->mutex);
        crew->stopping = true;
        for (unsigned i = 0; i < crew->n_lanes; i++)
                atomic_store(&crew->lanes[i].cancel, true);
        crew_wake_all(crew);
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
        for (unsigned i = 0; i < crew->n_lanes; i++) {
                CrewLane *lane = crew->lanes + i;

                if (!lane->started)
                        continue;
                if (pthread_timedjoin_np(lane->thread, NULL, &end) != 0)
                        return false;
                lane->started = false;
        }
        return true;
}

Crew *crew_free(Crew *crew) {
        if (!crew)
                return NULL;

        crew_cancel(crew);
        for (unsigned i = 0; i < crew->n_lanes; i++) {
                if (crew->lanes[i].started)
                        (void) pthread_join(crew->lanes[i].thread, NULL);
                lane_done(crew->lanes + i);
        }
        for (unsigned i = 0; i < crew->n_slots; i++)
                crew_client_unref(crew->clients[i]);
        for (CrewResult *result; (result = crew->results);) {
                crew->results = result->next;
                crew_result_free(result);
        }
        free(crew->lanes);
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
                client->n_threads = crew->n_lanes;
                for (unsigned i = 0; i < crew->n_lanes; i++)
                        schedule_reset(&crew->lanes[i].schedule, slot);
        }
        (void) pthread_mutex_unlock(&crew->mutex);
        return r;
}

void crew_detach(Crew *crew, CrewClient *client) {
        (void) pthread_mutex_lock(&crew->mutex);
        for (unsigned i = 0; i < crew->n_lanes; i++)
                row_drop_all(crew->lanes[i].rows + client->slot);
        crew->clients[client->slot] = NULL;
        crew->n_clients--;
        client->slot = SCHEDULE_NONE;
        crew_wake_all(crew); /* the others have more room */
        crew_signal(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
        crew_client_unref(client);
}

void crew_limit(Crew *crew, CrewClient *client, unsigned n_threads, unsigned cpu_percent) {
        usec_t now = clock_now_usec();
        unsigned permille = 0;

        (void) pthread_mutex_lock(&crew->mutex);
        client->n_threads = MIN(n_threads, crew->n_lanes);
        if (cpu_percent > 0 && client->n_threads > 0 && cpu_percent < 100 * client->n_threads)
                permille = MAX(10 * cpu_percent / client->n_threads, 1U);
        for (unsigned i = 0; i < crew->n_lanes; i++)
                schedule_set_duty(&crew->lanes[i].schedule, client->slot, permille, now);
        crew_wake_all(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

void crew_release(Crew *crew, CrewClient *client, size_t n_bytes) {
        bool had_room;

        (void) pthread_mutex_lock(&crew->mutex);
        had_room = crew_has_room(crew, client);
        client->pending_bytes -= MIN(n_bytes, client->pending_bytes);
        if (!had_room && crew_has_room(crew, client))
                crew_wake_all(crew);
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

int crew_assign(Crew *crew, unsigned lane_number, CrewJob *job, uint64_t first, uint64_t end, uint64_t run_end) {
        CrewLane *lane = crew->lanes + lane_number;
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
                (void) pthread_cond_signal(&lane->wake);
        }
        (void) pthread_mutex_unlock(&crew->mutex);
        return r;
}

/* How many leases of the client the lane has not finished. */
static unsigned lane_leases(const CrewLane *lane, const CrewClient *client) {
        unsigned n = lane->rows[client->slot].n_leases;

        /* The last block of a lease is in work, and the lease itself is used up or was revoked. */
        if (n == 0 && lane->busy && !lane->withdrawn && lane->current_job->client == client)
                n = 1;
        return n;
}

bool crew_wants(Crew *crew, const CrewClient *client, unsigned lane_number) {
        const CrewLane *lane = crew->lanes + lane_number;
        ScheduleOffer offers[CREW_CLIENTS_MAX];
        bool wants = false;

        (void) pthread_mutex_lock(&crew->mutex);
        if (lane_number < MIN(crew->n_threads, client->n_threads) &&
            lane_leases(lane, client) < CREW_LEASES_IN_HAND) {
                crew_lane_offers(lane, offers);
                if (lane->busy && lane->current_job->client == client)
                        offers[client->slot].ready = true; /* maybe with the last block that it has */
                wants = schedule_wait(&lane->schedule, offers, crew->n_slots, client->slot) <= SCHEDULE_QUANTUM_USEC;
        }
        (void) pthread_mutex_unlock(&crew->mutex);
        return wants;
}

/* Cuts [first, end) out of a lease; only an end of it can be cut, a hole in the middle is computed in vain. */
static void lease_cut(CrewLease *lease, uint64_t first, uint64_t end) {
        if (first <= lease->next && end > lease->next)
                lease->next = MIN(end, lease->end);
        else if (first < lease->end && end >= lease->end)
                lease->end = MAX(first, lease->next);
}

/* Takes the block in work back. */
static void lane_cancel(CrewLane *lane) {
        lane->withdrawn = true;
        atomic_store(&lane->cancel, true);
}

void crew_revoke(Crew *crew, const CrewClient *client, uint64_t job, uint64_t first, uint64_t end) {
        (void) pthread_mutex_lock(&crew->mutex);
        for (unsigned i = 0; i < crew->n_lanes; i++) {
                CrewLane *lane = crew->lanes + i;
                CrewRow *row = lane->rows + client->slot;

                if (lane->busy && !lane->withdrawn && lane->current_job->client == client &&
                    lane->current_job->id == job && lane->current >= first && lane->current < end)
                        lane_cancel(lane);
                for (unsigned k = 0; k < row->n_leases; k++)
                        if (row->leases[k].job->id == job)
                                lease_cut(row->leases + k, first, end);
                crew_row_drop_finished(row);
        }
        crew_signal(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

size_t crew_withdraw(Crew *crew, const CrewClient *client, unsigned lane_number,
                     CrewRemainder ret[static CREW_REMAINDERS_MAX]) {
        CrewLane *lane = crew->lanes + lane_number;
        CrewRow *row = lane->rows + client->slot;
        size_t n = 0;

        (void) pthread_mutex_lock(&crew->mutex);
        if (lane->busy && !lane->withdrawn && lane->current_job->client == client) {
                lane_cancel(lane);
                /* The block in work lies in front of what is left of the first lease, unless that was revoked. */
                if (row->n_leases > 0 && row->leases[0].job == lane->current_job &&
                    row->leases[0].next == lane->current + 1)
                        row->leases[0].next = lane->current;
                else
                        ret[n++] = (CrewRemainder) { crew_job_ref(lane->current_job), lane->current,
                                                     lane->current + 1 };
        }
        for (unsigned i = 0; i < row->n_leases; i++) {
                CrewLease *lease = row->leases + i;

                if (lease->next < lease->end)
                        ret[n++] = (CrewRemainder) { TAKE_PTR(lease->job), lease->next, lease->end };
                else
                        crew_job_unref(lease->job);
        }
        row->n_leases = 0;
        if (n > 0)
                crew_signal(crew); /* the others may be wanted sooner */
        (void) pthread_mutex_unlock(&crew->mutex);
        return n;
}

void crew_set_threads(Crew *crew, unsigned n_threads) {
        (void) pthread_mutex_lock(&crew->mutex);
        crew->n_threads = MIN(n_threads, crew->n_lanes);
        crew_wake_all(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

unsigned crew_threads(const Crew *crew) {
        return crew->n_threads;
}

unsigned crew_lanes(const Crew *crew) {
        return crew->n_lanes;
}
