/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The crew of threads.
 *
 * One mutex guards everything that the event loop and the lanes share: the rows of leases, the list of results,
 * the count of pending bytes. It is held for a few instructions per block (milliseconds to seconds of work), so
 * nobody ever waits for it. A lane's sieve state and buffers belong to its thread alone.
 *
 * Each lane has its own cancel flag, which the kernel polls. Withdrawing or revoking the block in work sets it; the
 * thread clears it when it takes the next block. A block that was finished in spite of the flag is delivered: the
 * master accepts any missing block.
 */

#include "worker/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "prime/bitmap.h"
#include "prime/number.h"

struct CrewJob {
        atomic_uint n_ref;
        uint64_t id;
        Grid grid;
};

typedef struct CrewLease {
        CrewJob *job;
        uint64_t next, end, run_end; /* [next, end) is not begun */
} CrewLease;

typedef struct CrewLane {
        Crew *crew;
        unsigned number;
        pthread_t thread;
        bool started;

        /* guarded by the crew's mutex */
        CrewLease leases[CREW_LEASES_MAX];
        unsigned n_leases;
        bool busy;               /* a block is in work: `current` of `current_job` */
        CrewJob *current_job;
        uint64_t current;
        bool withdrawn;          /* the block in work was taken back */

        atomic_bool cancel;

        /* the thread's own */
        SieveRun *run;
        CrewJob *run_job;
        uint64_t run_next;
        Packer *packer;
        uint8_t *bitmap, *packed;
        mpz_t start, stop;
} CrewLane;

struct Crew {
        pthread_mutex_t mutex;
        pthread_cond_t work; /* something changed that a waiting lane should look at */
        CrewLane *lanes;
        unsigned n_lanes, n_threads;
        CrewResult *results, *last_result;
        size_t pending_bytes, pending_bytes_max;
        int event_fd;
        int error;
        bool stopping;
};

CrewJob *crew_job_new(uint64_t id, Grid *grid) {
        CrewJob *job = malloc(sizeof *job);

        if (!job)
                return NULL;
        *job = (CrewJob) { .id = id, .grid = *grid };
        atomic_init(&job->n_ref, 1);
        return job;
}

CrewJob *crew_job_ref(CrewJob *job) {
        if (job)
                atomic_fetch_add(&job->n_ref, 1);
        return job;
}

CrewJob *crew_job_unref(CrewJob *job) {
        if (job && atomic_fetch_sub(&job->n_ref, 1) == 1) {
                grid_done(&job->grid);
                free(job);
        }
        return NULL;
}

uint64_t crew_job_id(const CrewJob *job) {
        return job->id;
}

const Grid *crew_job_grid(const CrewJob *job) {
        return &job->grid;
}

CrewResult *crew_result_free(CrewResult *result) {
        if (result) {
                crew_job_unref(result->job);
                free(result->packed);
                free(result);
        }
        return NULL;
}

/* The lane's thread */

/* Drops the first lease of the lane when nothing of it is left. Called with the mutex held. */
static void lane_drop_finished(CrewLane *lane) {
        while (lane->n_leases > 0 && lane->leases[0].next >= lane->leases[0].end) {
                crew_job_unref(lane->leases[0].job);
                lane->n_leases--;
                memmove(lane->leases, lane->leases + 1, lane->n_leases * sizeof *lane->leases);
        }
}

/* Waits for the next block. False: the crew is stopping. On success the lane is busy with `current`. */
static bool lane_take(CrewLane *lane, uint64_t *ret_run_end) {
        Crew *crew = lane->crew;
        bool taken = false;

        (void) pthread_mutex_lock(&crew->mutex);
        for (;;) {
                if (crew->stopping)
                        break;
                if (lane->number < crew->n_threads && lane->n_leases > 0 &&
                    crew->pending_bytes < crew->pending_bytes_max) {
                        CrewLease *lease = lane->leases;

                        lane->busy = true;
                        lane->withdrawn = false;
                        lane->current_job = crew_job_ref(lease->job);
                        lane->current = lease->next++;
                        *ret_run_end = lease->run_end;
                        atomic_store(&lane->cancel, false);
                        taken = true;
                        break;
                }
                (void) pthread_cond_wait(&crew->work, &crew->mutex);
        }
        (void) pthread_mutex_unlock(&crew->mutex);
        return taken;
}

/* Makes the sieve stand at `current`: it does already when the lane just goes on. */
static int lane_position(CrewLane *lane, uint64_t run_end) {
        const SieveEnvironment environment = { .cancel = &lane->cancel };
        const Grid *grid = &lane->current_job->grid;
        GridBlock block;

        if (lane->run && lane->run_job == lane->current_job && lane->run_next == lane->current)
                return 0;

        lane->run = sieve_run_free(lane->run);
        lane->run_job = crew_job_unref(lane->run_job);

        grid_block(grid, MAX(run_end, lane->current + 1) - 1, lane->stop, &block);
        number_add_u64(lane->stop, lane->stop, block.length);
        grid_block(grid, lane->current, lane->start, &block);

        lane->run_job = crew_job_ref(lane->current_job);
        lane->run_next = lane->current;
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
        lane->run_next++;
        if (block.high < block.length) {
                /* The job ends before the last wheel does: maybe at 2^64, which is no multiple of 30. */
                number_add_u64(lane->stop, lane->start, block.high);
                result->certainty = certainty_of(lane->stop);
        }

        bitmap_clip(lane->bitmap, n_bytes, block.low, block.high);
        result->count = bitmap_count(lane->bitmap, n_bytes) +
                        bitmap_small_primes(&block, mpz_sgn(lane->start) == 0);
        checksum_sha256(lane->bitmap, n_bytes, result->digest);
        r = pack_bitmap(lane->packer, lane->bitmap, n_bytes, lane->packed, pack_bound(GRID_BLOCK_BYTES_MAX),
                        &result->codec, &result->packed_size);
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

/* Called with the mutex held. */
static void crew_signal(Crew *crew) {
        uint64_t one = 1;

        (void) !write(crew->event_fd, &one, sizeof one);
}

/* Publishes the outcome of the block and makes the lane free for the next one. */
static void lane_finish(CrewLane *lane, int error, CrewResult *result) {
        Crew *crew = lane->crew;

        (void) pthread_mutex_lock(&crew->mutex);
        if (result) {
                if (crew->last_result)
                        crew->last_result->next = result;
                else
                        crew->results = result;
                crew->last_result = result;
                crew->pending_bytes += result->packed_size;
        } else if (error != -ECANCELED && crew->error == 0)
                crew->error = error;
        lane->busy = false;
        lane->current_job = crew_job_unref(lane->current_job);
        lane_drop_finished(lane);
        crew_signal(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

static void *lane_main(void *userdata) {
        CrewLane *lane = userdata;
        uint64_t run_end;

        while (lane_take(lane, &run_end)) {
                CrewResult *result = NULL;
                int r = lane_compute(lane, run_end, &result);

                /* A run that was cancelled or failed is not where we think it is. */
                if (r < 0) {
                        lane->run = sieve_run_free(lane->run);
                        lane->run_job = crew_job_unref(lane->run_job);
                }
                lane_finish(lane, r, result);
                if (r < 0 && r != -ECANCELED)
                        break;
        }
        return NULL;
}

/* The event loop's side */

static int lane_init(CrewLane *lane, Crew *crew, unsigned number) {
        lane->crew = crew;
        lane->number = number;
        atomic_init(&lane->cancel, false);
        lane->packer = packer_new();
        lane->bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        lane->packed = malloc(pack_bound(GRID_BLOCK_BYTES_MAX));
        if (!lane->packer || !lane->bitmap || !lane->packed)
                return -ENOMEM;
        return 0;
}

static int lane_start(CrewLane *lane) {
        int r = pthread_create(&lane->thread, NULL, lane_main, lane);

        if (r != 0)
                return -r;
        lane->started = true;
        return 0;
}

static void lane_done(CrewLane *lane) {
        for (unsigned i = 0; i < lane->n_leases; i++)
                crew_job_unref(lane->leases[i].job);
        sieve_run_free(lane->run);
        crew_job_unref(lane->run_job);
        crew_job_unref(lane->current_job);
        packer_free(lane->packer);
        free(lane->bitmap);
        free(lane->packed);
        mpz_clears(lane->start, lane->stop, NULL);
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
        (void) pthread_cond_init(&crew->work, NULL);

        crew->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (crew->event_fd < 0)
                return -errno;
        crew->lanes = calloc(n_lanes, sizeof *crew->lanes);
        if (!crew->lanes)
                return -ENOMEM;
        for (; crew->n_lanes < n_lanes; crew->n_lanes++)
                mpz_inits(crew->lanes[crew->n_lanes].start, crew->lanes[crew->n_lanes].stop, NULL);
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

/* From now on no lane takes a block, and each leaves the one it is at. */
static void crew_cancel(Crew *crew) {
        (void) pthread_mutex_lock(&crew->mutex);
        crew->stopping = true;
        for (unsigned i = 0; i < crew->n_lanes; i++)
                atomic_store(&crew->lanes[i].cancel, true);
        (void) pthread_cond_broadcast(&crew->work);
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
        for (CrewResult *result; (result = crew->results);) {
                crew->results = result->next;
                crew_result_free(result);
        }
        free(crew->lanes);
        (void) fd_close(crew->event_fd);
        (void) pthread_cond_destroy(&crew->work);
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

void crew_release(Crew *crew, size_t n_bytes) {
        (void) pthread_mutex_lock(&crew->mutex);
        crew->pending_bytes -= MIN(n_bytes, crew->pending_bytes);
        (void) pthread_cond_broadcast(&crew->work);
        (void) pthread_mutex_unlock(&crew->mutex);
}

int crew_assign(Crew *crew, unsigned lane_number, CrewJob *job, uint64_t first, uint64_t end, uint64_t run_end) {
        CrewLane *lane = crew->lanes + lane_number;
        int r = 0;

        (void) pthread_mutex_lock(&crew->mutex);
        if (lane->n_leases >= CREW_LEASES_MAX)
                r = -ENOBUFS;
        else {
                lane->leases[lane->n_leases++] = (CrewLease) { crew_job_ref(job), first, end, MAX(run_end, end) };
                (void) pthread_cond_broadcast(&crew->work);
        }
        (void) pthread_mutex_unlock(&crew->mutex);
        return r;
}

unsigned crew_lane_leases(Crew *crew, unsigned lane_number) {
        CrewLane *lane = crew->lanes + lane_number;
        unsigned n;

        (void) pthread_mutex_lock(&crew->mutex);
        n = lane->n_leases;
        /* The last block of a lease is in work, and the lease itself is used up or was revoked. */
        if (lane->busy && !lane->withdrawn && n == 0)
                n = 1;
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

void crew_revoke(Crew *crew, uint64_t job, uint64_t first, uint64_t end) {
        (void) pthread_mutex_lock(&crew->mutex);
        for (unsigned i = 0; i < crew->n_lanes; i++) {
                CrewLane *lane = crew->lanes + i;

                if (lane->busy && !lane->withdrawn && lane->current_job->id == job && lane->current >= first &&
                    lane->current < end) {
                        lane->withdrawn = true;
                        atomic_store(&lane->cancel, true);
                }
                for (unsigned k = 0; k < lane->n_leases; k++)
                        if (lane->leases[k].job->id == job)
                                lease_cut(lane->leases + k, first, end);
                for (unsigned k = 0; k < lane->n_leases;)
                        if (lane->leases[k].next >= lane->leases[k].end) {
                                crew_job_unref(lane->leases[k].job);
                                lane->n_leases--;
                                memmove(lane->leases + k, lane->leases + k + 1,
                                        (lane->n_leases - k) * sizeof *lane->leases);
                        } else
                                k++;
        }
        crew_signal(crew);
        (void) pthread_mutex_unlock(&crew->mutex);
}

size_t crew_withdraw(Crew *crew, unsigned lane_number, CrewRemainder ret[static CREW_REMAINDERS_MAX]) {
        CrewLane *lane = crew->lanes + lane_number;
        size_t n = 0;

        (void) pthread_mutex_lock(&crew->mutex);
        if (lane->busy && !lane->withdrawn) {
                lane->withdrawn = true;
                atomic_store(&lane->cancel, true);
                /* The block in work lies in front of what is left of the first lease, unless that was revoked. */
                if (lane->n_leases > 0 && lane->leases[0].job == lane->current_job &&
                    lane->leases[0].next == lane->current + 1)
                        lane->leases[0].next = lane->current;
                else
                        ret[n++] = (CrewRemainder) { crew_job_ref(lane->current_job), lane->current,
                                                     lane->current + 1 };
        }
        for (unsigned i = 0; i < lane->n_leases; i++) {
                CrewLease *lease = lane->leases + i;

                if (lease->next < lease->end)
                        ret[n++] = (CrewRemainder) { TAKE_PTR(lease->job), lease->next, lease->end };
                else
                        crew_job_unref(lease->job);
        }
        lane->n_leases = 0;
        (void) pthread_mutex_unlock(&crew->mutex);
        return n;
}

void crew_set_threads(Crew *crew, unsigned n_threads) {
        (void) pthread_mutex_lock(&crew->mutex);
        crew->n_threads = MIN(n_threads, crew->n_lanes);
        (void) pthread_cond_broadcast(&crew->work);
        (void) pthread_mutex_unlock(&crew->mutex);
}

unsigned crew_threads(const Crew *crew) {
        return crew->n_threads;
}

unsigned crew_lanes(const Crew *crew) {
        return crew->n_lanes;
}
