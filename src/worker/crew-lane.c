/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The thread of a lane: choose a client, take its next block, compute it, publish it.
 *
 * Each lane has its own cancel flag, which the kernel polls. Withdrawing or revoking the block in work sets it; the
 * thread clears it when it takes the next block. A block that was finished in spite of the flag is thrown away: nobody
 * expects it any more, and kept it would keep the process.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "worker/crew-state.h"

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

void crew_lane_offers(const CrewLane *lane, ScheduleOffer ret[static CREW_CLIENTS_MAX]) {
        const Crew *crew = lane->crew;

        for (unsigned i = 0; i < crew->n_slots; i++) {
                const CrewClient *client = crew->clients[i];
                const CrewLease *lease = lane->rows[i].leases;

                ret[i] = (ScheduleOffer) { .weight = 1 };
                if (!client || lane->rows[i].n_leases == 0 || lane->number >= client->n_threads ||
                    !crew_has_room(crew, client))
                        continue;
                ret[i] = (ScheduleOffer) {
                        .ready = true,
                        .continues = lease->job == lane->run_job && lease->next == lane->run_next,
                        .weight = atomic_load(&lease->job->priority),
                };
        }
}

/* Makes the lane busy with the next block of the client that the schedule chooses. Called with the mutex held. */
static bool lane_choose(CrewLane *lane, uint64_t *ret_run_end, usec_t *ret_wake) {
        ScheduleOffer offers[CREW_CLIENTS_MAX];
        unsigned slot;
        CrewLease *lease;

        crew_lane_offers(lane, offers);
        slot = schedule_pick(&lane->schedule, offers, lane->crew->n_slots, clock_now_usec(), ret_wake);
        if (slot == SCHEDULE_NONE)
                return false;
        lease = lane->rows[slot].leases;
        lane->busy = true;
        lane->withdrawn = false;
        lane->current_job = crew_job_ref(lease->job);
        lane->current = lease->next++;
        lane->current_weight = offers[slot].weight;
        *ret_run_end = lease->run_end;
        atomic_store(&lane->cancel, false);
        return true;
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

/* Gives the sieve state back. Called with the mutex held, which it drops for that time. */
static void lane_forget_run(CrewLane *lane) {
        SieveRun *run = TAKE_PTR(lane->run);
        CrewJob *job = TAKE_PTR(lane->run_job);

        (void) pthread_mutex_unlock(&lane->crew->mutex);
        sieve_run_free(run);
        crew_job_unref(job);
        (void) pthread_mutex_lock(&lane->crew->mutex);
}

/* Waits for the next block. False: the crew is stopping. On success the lane is busy with `current`. */
static bool lane_take(CrewLane *lane, uint64_t *ret_run_end) {
        Crew *crew = lane->crew;
        bool taken = false;

        (void) pthread_mutex_lock(&crew->mutex);
        while (!crew->stopping && !taken) {
                usec_t wake = USEC_INFINITY;

                if (lane->number >= crew->n_threads && lane->run) {
                        lane_forget_run(lane);
                        continue;
                }
                taken = lane->number < crew->n_threads && lane_choose(lane, ret_run_end, &wake);
                if (!taken)
                        lane_wait(lane, wake);
        }
        (void) pthread_mutex_unlock(&crew->mutex);
        return taken;
}

/* Makes the sieve stand at `current`: it does already when the lane just goes on. */
static int lane_position(CrewLane *lane, uint64_t run_end) {
        const SieveEnvironment environment = { .cancel = &lane->cancel };
        const Grid *grid = &lane->current_job->grid;
        Crew *crew = lane->crew;
        GridBlock block;

        lane->run_began = false;
        if (lane->run && lane->run_job == lane->current_job && lane->run_next == lane->current)
                return 0;

        lane->run_began = true;
        (void) pthread_mutex_lock(&crew->mutex);
        lane_forget_run(lane);
        lane->run_job = crew_job_ref(lane->current_job);
        lane->run_next = lane->current;
        (void) pthread_mutex_unlock(&crew->mutex);

        grid_block(grid, MAX(run_end, lane->current + 1) - 1, lane->stop, &block);
        number_add_u64(lane->stop, lane->stop, block.length);
        grid_block(grid, lane->current, lane->start, &block);
        return sieve_run_new(lane->start, lane->stop, &environment, &lane->run);
}

/* Computes, counts, digests and packs the block. */
static int lane_compute(CrewLane *lane, uint64_t run_end, CrewResult **ret) {
        _cleanup_(crew_result_freep) CrewResult *result = NULL;
        usec_t begin = clock_thread_cpu_usec();
        GridBlock block;
        size_t n_bytes;
        int r;

        result = calloc(1, sizeof *result);
        if (!result)
                return -ENOMEM;
        result->job = crew_job_ref(lane->current_job);
        result->sequence = lane->current;

        r = lane_position(lane, run_end);
        if (r < 0)
                return r;
        grid_block(&lane->current_job->grid, lane->current, lane->start, &block);
        n_bytes = block.length / 30;

        r = sieve_run_next(lane->run, block.length, lane->bitmap, &result->certainty);
        if (r < 0)
                return r;
        if (block.high < block.length) {
                /* The job ends before the last wheel does: maybe at 2^64, which is no multiple of 30. */
                number_add_u64(lane->stop, lane->start, block.high);
                result->certainty = certainty_of(lane->stop);
        }

        bitmap_clip(lane->bitmap, n_bytes, block.low, block.high);
        result->count = bitmap_count(lane->bitmap, n_bytes) +
                        bitmap_small_primes(&block, mpz_sgn(lane->start) == 0);
        checksum_sha256(lane->bitmap, n_bytes, result->digest);
        r = pack_bitmap(lane->packer, lane->start, lane->bitmap, n_bytes, lane->packed,
                        pack_bound(GRID_BLOCK_BYTES_MAX), &result->codec, &result->packed_size);
        if (r < 0)
                return r;
        result->packed = malloc(MAX(result->packed_size, (size_t) 1));
        if (!result->packed)
                return -ENOMEM;
        memcpy(result->packed, lane->packed, result->packed_size);
        result->compute_usec = clock_thread_cpu_usec() - begin;

        *ret = TAKE_PTR(result);
        return 0;
}

/* Publishes the outcome of the block and makes the lane free for the next one. */
static void lane_finish(CrewLane *lane, int error, CrewResult *result, usec_t cpu_usec) {
        Crew *crew = lane->crew;
        CrewClient *client = lane->current_job->client;

        (void) pthread_mutex_lock(&crew->mutex);
        if (result && lane->withdrawn) {
                /* Too late: it was handed back, or another worker has it. */
                crew_result_free(result);
                lane->run_next++;
        } else if (result) {
                if (crew->last_result)
                        crew->last_result->next = result;
                else
                        crew->results = result;
                crew->last_result = result;
                client->pending_bytes += result->packed_size;
                lane->run_next++;
        } else {
                /* The run is not where we think it is. */
                lane_forget_run(lane);
                if (error != -ECANCELED && crew->error == 0)
                        crew->error = error;
        }
        if (client->slot != SCHEDULE_NONE) {
                schedule_charge(&lane->schedule, client->slot, lane->current_weight, cpu_usec, clock_now_usec());
                if (error >= 0 && lane->run_began)
                        schedule_started(&lane->schedule, client->slot, cpu_usec);
                crew_row_drop_finished(lane->rows + client->slot);
        }
        lane->busy = false;
        lane->current_job = crew_job_unref(lane->current_job);
        crew_signal(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

void *crew_lane_main(void *userdata) {
        CrewLane *lane = userdata;
        uint64_t run_end;

        while (lane_take(lane, &run_end)) {
                usec_t begin = clock_thread_cpu_usec();
                CrewResult *result = NULL;
                int r = lane_compute(lane, run_end, &result);

                lane_finish(lane, r, result, clock_thread_cpu_usec() - begin);
                if (r < 0 && r != -ECANCELED)
                        break;
        }
        return NULL;
}
