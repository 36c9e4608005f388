/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One window, filled by the whole team: first the sieve, whose parts are the kernel's own, then block after block what
 * makes a result of it, where each block is a part. Blocks are published in ascending order, each as soon as all before
 * it are done.
 *
 * A block that was revoked meanwhile is neither packed nor published. Withdrawing the window, or revoking its last
 * block, cancels the rest: what was finished in spite of that is thrown away, for nobody expects it any more, and kept
 * it would keep the process.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/large-memory.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/sieve/tune.h"
#include "worker/crew-state.h"

#define SHORT_OF_MEMORY ((size_t) 16 << 20)

/* What is wanted */

bool crew_window_wants(const CrewWindow *window, uint64_t block) {
        for (unsigned i = 0; i < window->n_pieces; i++)
                if (block >= window->pieces[i].first && block < window->pieces[i].end)
                        return true;
        return false;
}

bool crew_window_cut(CrewWindow *window, uint64_t first, uint64_t end) {
        CrewPiece pieces[CREW_PIECES_MAX + 1];
        unsigned n = 0;

        for (unsigned i = 0; i < window->n_pieces; i++) {
                CrewPiece before = { window->pieces[i].first, MIN(window->pieces[i].end, first) };
                CrewPiece behind = { MAX(window->pieces[i].first, end), window->pieces[i].end };

                if (first >= end) {
                        before = window->pieces[i];
                        behind.first = behind.end;
                }
                if (n + (before.first < before.end) + (behind.first < behind.end) > CREW_PIECES_MAX)
                        return false;
                if (before.first < before.end)
                        pieces[n++] = before;
                if (behind.first < behind.end)
                        pieces[n++] = behind;
        }
        memcpy(window->pieces, pieces, n * sizeof *pieces);
        window->n_pieces = n;
        return true;
}

/* The sieve */

static int lane_for_each(void *userdata, size_t n_parts, SievePart *part, void *part_userdata) {
        CrewLane *lane = userdata;

        return team_run(lane->crew->team, lane->sieve_team.n_threads, n_parts, part, part_userdata);
}

static SieveEnvironment lane_environment(CrewLane *lane, const SieveTeam *team) {
        return (SieveEnvironment) {
                .cancel = &lane->cancel,
                .certainty = lane->window.job->certainty,
                .team = team->n_threads > 1 ? team : NULL,
                .memory_max = lane->window.memory_max,
                .tuning = lane->has_profile ? &lane->profile.tuning : NULL,
                .costs = lane->has_profile ? &lane->profile.costs : NULL,
                .slowness = lane->has_profile ? 0 : lane->slowness,
        };
}

static uint64_t lane_cpu_nsec(void *userdata) {
        CrewLane *lane = userdata;

        return team_cpu_usec(lane->crew->team) * 1000;
}

int crew_window_measure(CrewLane *lane, unsigned n_threads, size_t memory_max, SieveProfile *ret) {
        const TuneMachine machine = {
                .cpu_nsec = lane_cpu_nsec,
                .userdata = lane,
                .team = n_threads > 1 ? &lane->sieve_team : NULL,
                .cancel = &lane->cancel,
                .memory_max = memory_max,
        };

        lane->sieve_team = (SieveTeam) { .n_threads = n_threads, .for_each = lane_for_each, .team = lane };
        return tune_measure(&machine, ret);
}

uint64_t crew_window_blocks_wanted(CrewLane *lane) {
        const SieveTeam team = { .n_threads = lane->window.n_threads, .for_each = lane_for_each, .team = lane };
        const SieveEnvironment environment = lane_environment(lane, &team);
        const Grid *grid = &lane->window.job->grid;
        GridBlock block;
        uint64_t length;

        grid_block(grid, lane->window.first, lane->start, &block);
        length = MIN(sieve_window_length(lane->start, &environment), SIEVE_WINDOW_LENGTH_MAX);
        return CLAMP(length / grid->block_length, UINT64_C(1), CREW_WINDOW_BLOCKS_MAX);
}

/* Makes the sieve stand where the window begins: it does already when the lane just goes on. */
static int lane_position(CrewLane *lane) {
        CrewWindow *window = &lane->window;
        const Grid *grid = &window->job->grid;
        SieveEnvironment environment;
        Crew *crew = lane->crew;
        GridBlock block;

        if (lane->run && lane->run_job == window->job && lane->run_next == window->first &&
            lane->sieve_team.n_threads == window->n_threads && lane->run_memory_max == window->memory_max)
                return 0;

        window->run_began = true;
        (void) pthread_mutex_lock(&crew->mutex);
        crew_lane_forget_run(lane);
        lane->run_job = crew_job_ref(window->job);
        lane->run_next = window->first;
        (void) pthread_mutex_unlock(&crew->mutex);

        lane->sieve_team = (SieveTeam) { .n_threads = window->n_threads, .for_each = lane_for_each, .team = lane };
        lane->run_memory_max = window->memory_max;
        environment = lane_environment(lane, &lane->sieve_team);
        grid_block(grid, MAX(window->run_end, window->end) - 1, lane->stop, &block);
        number_add_u64(lane->stop, lane->stop, block.length);
        grid_block(grid, window->first, lane->start, &block);
        return sieve_run_new(lane->start, lane->stop, &environment, &lane->run);
}

/* How many numbers the window has, and where it begins. */
static void lane_measure(CrewLane *lane) {
        CrewWindow *window = &lane->window;
        const Grid *grid = &window->job->grid;
        GridBlock block;

        grid_block(grid, window->end - 1, lane->stop, &block);
        number_add_u64(lane->stop, lane->stop, block.length);
        grid_block(grid, window->first, lane->start, &block);
        mpz_sub(lane->stop, lane->stop, lane->start);
        window->length = number_get_u64(lane->stop);
}

/* Memory for the bitmap of the window. It is kept, but for the pages behind the window's end. */
static int lane_reserve(CrewLane *lane) {
        size_t size = lane->window.length / 30;

        if (lane->bitmap && lane->bitmap_size >= size) {
                large_memory_trim(lane->bitmap, lane->bitmap_size, size);
                return 0;
        }
        free(lane->bitmap);
        lane->bitmap = large_memory(size);
        lane->bitmap_size = lane->bitmap ? size : 0;
        return lane->bitmap ? 0 : -ENOMEM;
}

/*
 * Until the machine has been measured, it is taken for one for which windows take as long, in relation to the default
 * costs, as the last one.
 */
static void lane_note_slowness(CrewLane *lane, double predicted_nsec) {
        const CrewWindow *window = &lane->window;

        if (predicted_nsec > 0 && window->sieve_usec > 0)
                lane->slowness = (double) window->sieve_usec * 1000 / (predicted_nsec * window->n_threads);
}

static int lane_sieve_once(CrewLane *lane) {
        CrewWindow *window = &lane->window;
        usec_t begin = team_cpu_usec(lane->crew->team);
        double predicted_nsec;
        Certainty certainty;
        int r;

        r = lane_reserve(lane);
        if (r >= 0)
                r = lane_position(lane);
        if (r < 0)
                return r;
        predicted_nsec = sieve_run_predict(lane->run, window->length);
        r = sieve_run_next(lane->run, window->length, lane->bitmap, &certainty);
        if (r < 0)
                return r;
        /* The kernel must not be less sure than it was told to be. */
        if (window->job->certainty == CERTAINTY_PROVED && certainty != CERTAINTY_PROVED)
                return -EIO;
        window->run_stands = true;
        window->sieve_usec = team_cpu_usec(lane->crew->team) - begin;
        lane_note_slowness(lane, predicted_nsec);
        return 0;
}

/* When memory is short, the sieve can do with less; the bitmap cannot. */
static int lane_sieve(CrewLane *lane) {
        CrewWindow *window = &lane->window;
        int r;

        lane_measure(lane);
        for (;;) {
                r = lane_sieve_once(lane);
                if (r != -ENOMEM || window->memory_max < SHORT_OF_MEMORY)
                        return r;
                window->memory_max /= 2;
        }
}

/* The blocks */

/* Gives the crew what is finished, in ascending order. */
static void lane_publish(CrewLane *lane, uint64_t number, CrewResult *result) {
        CrewWindow *window = &lane->window;
        Crew *crew = lane->crew;
        CrewSlot *slot;

        (void) pthread_mutex_lock(&crew->mutex);
        window->slots[number] = (CrewSlot) { .result = result, .done = true };
        while (window->n_published < window->end - window->first &&
               (slot = window->slots + window->n_published)->done) {
                uint64_t block = window->first + window->n_published++;

                if (!slot->result || !crew_window_wants(window, block)) {
                        slot->result = crew_result_free(slot->result);
                        continue;
                }
                if (crew->last_result)
                        crew->last_result->next = slot->result;
                else
                        crew->results = slot->result;
                crew->last_result = TAKE_PTR(slot->result);
                window->job->client->pending_bytes += crew->last_result->packed_size;
                (void) crew_window_cut(window, block, block + 1);
                crew_signal(crew);
        }
        (void) pthread_mutex_unlock(&crew->mutex);
}

/* Clips, counts, digests and packs one block of the bitmap. */
static int desk_finish_block(CrewDesk *desk, const GridBlock *block, uint8_t *bitmap, CrewResult *result) {
        size_t n_bytes = block->length / 30;
        int r;

        number_add_u64(desk->end, desk->start, block->high);
        result->certainty = certainty_at(result->job->certainty, desk->end);
        bitmap_clip(bitmap, n_bytes, block->low, block->high);
        result->count = bitmap_count(bitmap, n_bytes) + bitmap_small_primes(block, mpz_sgn(desk->start) == 0);
        checksum_sha256(bitmap, n_bytes, result->digest);
        r = pack_bitmap(desk->packer, desk->start, bitmap, n_bytes, desk->packed, pack_bound(GRID_BLOCK_BYTES_MAX),
                        &result->codec, &result->packed_size);
        if (r < 0)
                return r;
        result->packed = malloc(MAX(result->packed_size, (size_t) 1));
        if (!result->packed)
                return -ENOMEM;
        memcpy(result->packed, desk->packed, result->packed_size);
        return 0;
}

/* A part of the second kind of work. */
static int lane_block_part(void *userdata, size_t number, unsigned thread) {
        _cleanup_(crew_result_freep) CrewResult *result = NULL;
        CrewLane *lane = userdata;
        CrewWindow *window = &lane->window;
        CrewDesk *desk = lane->crew->desks + thread;
        usec_t begin = clock_thread_cpu_usec();
        GridBlock first, block;
        bool wanted;
        int r;

        if (atomic_load(&lane->cancel))
                return -ECANCELED;
        (void) pthread_mutex_lock(&lane->crew->mutex);
        wanted = crew_window_wants(window, window->first + number);
        (void) pthread_mutex_unlock(&lane->crew->mutex);
        if (!wanted) {
                lane_publish(lane, number, NULL);
                return 0;
        }

        result = calloc(1, sizeof *result);
        if (!result)
                return -ENOMEM;
        result->job = crew_job_ref(window->job);
        result->sequence = window->first + number;
        grid_block(&window->job->grid, window->first, desk->end, &first);
        grid_block(&window->job->grid, result->sequence, desk->start, &block);
        mpz_sub(desk->end, desk->start, desk->end);
        r = desk_finish_block(desk, &block, lane->bitmap + number_get_u64(desk->end) / 30, result);
        if (r < 0)
                return r;
        result->compute_usec = (usec_t) ((double) window->sieve_usec * (double) block.length /
                                         (double) window->length) +
                               (clock_thread_cpu_usec() - begin);
        lane_publish(lane, number, TAKE_PTR(result));
        return 0;
}

int crew_window_compute(CrewLane *lane) {
        CrewWindow *window = &lane->window;
        CrewSlot *slots;
        int r;

        r = lane_sieve(lane);
        if (r < 0)
                return r;
        slots = calloc(window->end - window->first, sizeof *slots);
        if (!slots)
                return -ENOMEM;
        window->slots = slots;
        return team_run(lane->crew->team, window->n_threads, window->end - window->first, lane_block_part, lane);
}

void crew_window_drop_slots(CrewWindow *window) {
        for (uint64_t i = 0; window->slots && i < window->end - window->first; i++)
                crew_result_free(window->slots[i].result);
        free(TAKE_PTR(window->slots));
}
