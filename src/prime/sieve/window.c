/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A window in two kinds of passes, each of them done by all threads of the team:
 *
 * - Collecting. The base primes above the large ones are given out in slices. Each thread takes slice after slice, and
 *   writes down the hits of its primes in lists of its own (hits.h), until the primes or somebody's lists end. No prime
 *   is in two slices.
 *
 * - Crossing off. The first time the window is given out in stretches, which are sieved by all primes up to the
 *   large ones (stretch.h), and each region's hits of all threads are crossed off when the stretch has come there and
 *   has it in its cache. When primes are left, the lists are filled again and the window is given out once more, now by
 *   regions, for the hits alone.
 *
 * No byte is written by two threads in a pass, so there is neither a lock nor an atomic operation on the bitmap.
 *
 * Nothing of a window is kept for the next one but memory and the base primes. What that costs is one remainder per
 * base prime and window, which is why windows near 2^64 have to be long (sieve_window_length()). What it saves is eight
 * bytes per base prime and thread, 1.6 GB near 2^64, and the limit of the method: it needs the base primes one after
 * the other and only once, so that they need not be stored at all, and can be larger than 32 bits.
 *
 * A sieve for consecutive segments keeps a bucket of primes for each segment to come (T. Oliveira e Silva, 2001;
 * primesieve's EratBig). One window with lists of hits instead is how CADO-NFS sieves its special-q lattices.
 */

#include "prime/sieve/window.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "prime/number.h"
#include "prime/sieve/base-primes.h"
#include "prime/sieve/dividend.h"
#include "prime/sieve/hits.h"
#include "prime/sieve/presieve.h"
#include "prime/sieve/stretch.h"
#include "prime/sieve/turns.h"
#include "prime/variant.h"

#define SLICE_BYTES_MIN 4096      /* of the base primes' bitmap */
#define SLICES_PER_THREAD 8       /* at least, so that nobody has to wait long for the last one */
#define STRETCH_BYTES_MIN (1U << 20)
#define HITS_BYTES_MIN ((size_t) 4 << 20)
#define HITS_BYTES_MAX ((size_t) 512 << 20)

typedef struct WindowThread {
        Stretch *stretch;
        Hits *hits;
        uint8_t *chunk; /* base primes that are not kept */

        /* The slice in work, when the lists were full in the middle of it. */
        bool pending;
        uint64_t slice;
        size_t slice_at; /* bytes of it that are done */
} WindowThread;

struct Window {
        SieveEnvironment environment;
        SieveTuning tuning; /* its segments are whole regions, its spans whole segments */
        unsigned n_threads;
        WindowThread *threads;
        BasePrimes *base;
        const LocateKernel *locate_kernel;
        HitsPlan hits_plan; /* of the lists that exist */

        /* The window in work. */
        Dividend start_byte;
        uint8_t *bitmap;
        size_t n_bytes;
        uint64_t limit;
        size_t stretch_bytes;
        bool keep_base;
        uint64_t first_slice, end_slice; /* slice i is the bytes [i, i + 1)·slice_bytes of the base primes' bitmap */
        size_t slice_bytes;
        _Atomic(uint64_t) next_slice;
        atomic_bool full; /* somebody's lists are */
};

Window *window_new(const SieveEnvironment *environment, const SieveTuning *tuning) {
        Window *window = calloc(1, sizeof *window);

        if (!window)
                return NULL;
        window->environment = *environment;
        window->tuning = *tuning;
        window->n_threads = environment->team ? MAX(environment->team->n_threads, 1U) : 1;
        window->locate_kernel = VARIANT_CHOOSE(locate_kernel);
        window->threads = calloc(window->n_threads, sizeof *window->threads);
        window->base = base_primes_ref();
        if (!window->threads || !window->base)
                return window_free(window);
        return window;
}

void window_retune(Window *window, const SieveTuning *tuning) {
        window->tuning = *tuning;
}

Window *window_free(Window *window) {
        if (!window)
                return NULL;
        for (unsigned i = 0; window->threads && i < window->n_threads; i++) {
                stretch_free(window->threads[i].stretch);
                hits_free(window->threads[i].hits);
                free(window->threads[i].chunk);
        }
        free(window->threads);
        base_primes_unref(window->base);
        dividend_done(&window->start_byte);
        free(window);
        return NULL;
}

uint64_t window_root(const mpz_t end) {
        _cleanup_mpz_ mpz_t root;

        mpz_init(root);
        if (mpz_sgn(end) <= 0)
                return 0;
        mpz_sub_ui(root, end, 1);
        mpz_sqrt(root, root);
        return mpz_sizeinbase(root, 2) <= 64 ? number_get_u64(root) : UINT64_MAX;
}

static bool window_is_cancelled(const Window *window) {
        return window->environment.cancel &&
               atomic_load_explicit(window->environment.cancel, memory_order_relaxed);
}

static int window_for_each(Window *window, size_t n_parts, SievePart *part) {
        const SieveTeam *team = window->environment.team;

        if (team && n_parts > 1)
                return team->for_each(team->team, n_parts, part, window);
        for (size_t i = 0; i < n_parts; i++) {
                int r = part(window, i, 0);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int window_thread_prepare(WindowThread *thread) {
        if (!thread->stretch)
                thread->stretch = stretch_new();
        return thread->stretch ? 0 : -ENOMEM;
}

/* Collecting */

/* Where the primes begin of which hits are collected: a byte of the base primes' bitmap. */
static uint64_t window_first_byte(const SieveTuning *tuning) {
        return tuning->large_end / 30 / 8 * 8;
}

/* One chunk of the base primes that are kept. */
static int window_keep_chunk(void *userdata, size_t part, unsigned number) {
        Window *window = userdata;
        WindowThread *thread = window->threads + number;
        const uint8_t *chunk;
        int r;

        if (window_is_cancelled(window))
                return -ECANCELED;
        r = window_thread_prepare(thread);
        if (r < 0)
                return r;
        return base_primes_chunk(window->base, part, true, thread->stretch, window->environment.cancel, NULL, &chunk);
}

/* The chunk of the base primes in which a slice lies. */
static int window_get_chunk(Window *window, WindowThread *thread, uint64_t slice, const uint8_t **ret) {
        int r = window_thread_prepare(thread);

        if (r < 0)
                return r;
        if (!thread->chunk)
                thread->chunk = malloc(BASE_CHUNK_BYTES);
        if (!thread->chunk)
                return -ENOMEM;
        return base_primes_chunk(window->base, slice * window->slice_bytes / BASE_CHUNK_BYTES, window->keep_base,
                                 thread->stretch, window->environment.cancel, thread->chunk, ret);
}

/* The indices of at most `n_max` primes, whole words of eight bytes of the slice at a time. `at`: see WindowThread. */
static size_t slice_read(const uint8_t *slice, uint64_t first_byte, size_t n_bytes, size_t n_max, size_t *at,
                         uint64_t *ret) {
        size_t i = *at, n = 0;

        for (; i < n_bytes && n + 64 <= n_max; i += 8) {
                uint64_t word = get_le64(slice + i), base = (first_byte + i) << 3;

                for (; word; word &= word - 1)
                        ret[n++] = base + (unsigned) __builtin_ctzll(word);
        }
        *at = i;
        return n;
}

/* Lists the hits of a slice's primes from thread->slice_at on. Returns 1 when it is done, 0 when lists are full. */
static int window_collect_slice(Window *window, WindowThread *thread) {
        const uint64_t first_byte = thread->slice * window->slice_bytes;
        const size_t end = (size_t) MIN(window->slice_bytes, (window->limit / 30 / 8 + 1) * 8 - first_byte);
        uint64_t indices[HITS_BATCH];
        const uint8_t *chunk;
        int r;

        r = window_get_chunk(window, thread, thread->slice, &chunk);
        if (r < 0)
                return r;
        chunk += first_byte % BASE_CHUNK_BYTES;
        while (thread->slice_at < end) {
                size_t room, n;

                if (window_is_cancelled(window))
                        return -ECANCELED;
                room = hits_room(thread->hits, (first_byte + thread->slice_at) * 30);
                if (room == 0) {
                        atomic_store_explicit(&window->full, true, memory_order_relaxed);
                        return 0;
                }
                room = MIN(room, MAX(LOCATE_CANCEL_WORDS / (window->start_byte.n_words + 1), (size_t) HITS_ROOM));
                n = slice_read(chunk, first_byte, end, room, &thread->slice_at, indices);
                if (n > 0)
                        hits_add(thread->hits, window->locate_kernel, &window->start_byte, indices, n);
        }
        return 1;
}

/* The work of one thread, until the slices end or somebody's lists are full. `part` says whose lists. */
static int window_collect(void *userdata, size_t part, unsigned number) {
        Window *window = userdata;
        WindowThread *thread = window->threads + part;

        for (;;) {
                int r;

                if (!thread->pending) {
                        if (atomic_load_explicit(&window->full, memory_order_relaxed))
                                return 0;
                        thread->slice = atomic_fetch_add(&window->next_slice, 1);
                        if (thread->slice >= window->end_slice)
                                return 0;
                        thread->slice_at = thread->slice == window->first_slice
                                                   ? window_first_byte(&window->tuning) % window->slice_bytes
                                                   : 0;
                        thread->pending = true;
                }
                r = window_collect_slice(window, thread);
                if (r <= 0)
                        return r;
                thread->pending = false;
        }
}

static bool window_has_primes_left(const Window *window) {
        for (unsigned i = 0; i < window->n_threads; i++)
                if (window->threads[i].pending)
                        return true;
        return atomic_load(&window->next_slice) < window->end_slice;
}

/* Crossing off */

static void window_apply_region(Window *window, size_t region) {
        for (unsigned i = 0; i < window->n_threads; i++)
                if (window->threads[i].hits)
                        hits_apply(window->threads[i].hits, region, window->bitmap);
}

typedef struct WindowStretch {
        Window *window;
        size_t first_byte;
} WindowStretch;

static int window_visit(void *userdata, size_t offset, size_t n_bytes) {
        const WindowStretch *stretch = userdata;
        unsigned shift = stretch->window->hits_plan.region_shift;
        size_t from = (stretch->first_byte + offset) >> shift;

        for (size_t region = from; region << shift < stretch->first_byte + offset + n_bytes; region++)
                window_apply_region(stretch->window, region);
        return 0;
}

static int window_sieve_stretch(void *userdata, size_t part, unsigned number) {
        Window *window = userdata;
        WindowThread *thread = window->threads + number;
        WindowStretch stretch = { .window = window, .first_byte = part * window->stretch_bytes };
        StretchWork work = {
                .tuning = &window->tuning,
                .start_byte = &window->start_byte,
                .skip = stretch.first_byte,
                .bitmap = window->bitmap + stretch.first_byte,
                .n_bytes = (uint32_t) MIN(window->stretch_bytes, window->n_bytes - stretch.first_byte),
                .prime_end = MIN(window->limit + 1, (uint64_t) window->tuning.large_end),
                .cancel = window->environment.cancel,
                .visit = window->end_slice > window->first_slice ? window_visit : NULL,
                .userdata = &stretch,
        };
        int r = window_thread_prepare(thread);

        return r < 0 ? r : stretch_sieve(thread->stretch, &work);
}

static int window_apply(void *userdata, size_t part, unsigned number) {
        Window *window = userdata;

        if (window_is_cancelled(window))
                return -ECANCELED;
        window_apply_region(window, part);
        return 0;
}

/* The window */

/* Of the base primes that can be kept. */
static size_t n_base_chunks(uint64_t limit) {
        return (size_t) MIN(limit / BASE_CHUNK_LENGTH + 1, (uint64_t) BASE_CHUNKS_MAX);
}

bool window_keeps_base(size_t memory, uint64_t limit) {
        return n_base_chunks(limit) * BASE_CHUNK_BYTES <= memory / 2;
}

/* How much memory is for what. Returns the bytes for hits, and decides whether the base primes are kept. */
static size_t window_share_memory(Window *window) {
        size_t total = window->environment.memory_max > 0 ? window->environment.memory_max : SIEVE_MEMORY_DEFAULT;
        size_t base = n_base_chunks(window->limit) * BASE_CHUNK_BYTES;
        size_t hits = CLAMP(window->n_bytes * 2, HITS_BYTES_MIN, HITS_BYTES_MAX), used, left;

        window->keep_base = window_keeps_base(total, window->limit);
        /* What was kept by others, or elsewhere, is there, too. */
        used = window->n_bytes + window->n_threads * WINDOW_THREAD_BYTES +
               MAX(window->keep_base ? base : 0, base_primes_bytes(window->base));
        left = total > used ? total - used : 0;
        hits = MAX(MIN(hits, left), HITS_BYTES_MIN);
        return window->tuning.hits_bytes > 0 ? MIN(hits, window->tuning.hits_bytes) : hits;
}

/* Lists of the right shape for each thread, emptied. */
static int window_prepare_hits(Window *window, size_t memory_bytes) {
        HitsPlan plan;

        hits_plan(window->n_bytes, window->tuning.region_bytes, memory_bytes / window->n_threads,
                  window_first_byte(&window->tuning) * 30, &plan);
        for (unsigned i = 0; i < window->n_threads; i++) {
                WindowThread *thread = window->threads + i;
                int r;

                thread->pending = false;
                if (!thread->hits)
                        thread->hits = hits_new();
                if (!thread->hits)
                        return -ENOMEM;
                r = hits_begin(thread->hits, &plan);
                if (r < 0)
                        return r;
        }
        window->hits_plan = plan;
        return 0;
}

static size_t round_up(size_t n, size_t unit) {
        return (n + unit - 1) / unit * unit;
}

/* The primes of which hits are collected, and who crosses off what. */
static int window_plan(Window *window, const SieveTuning *tuning) {
        uint64_t from = window_first_byte(tuning), end = window->limit / 30 + 1, slices;
        size_t region, per_thread;
        int r = 0;

        window->tuning = *tuning;
        window->first_slice = window->end_slice = 0;
        window->hits_plan = (HitsPlan) {};
        if (window->limit >= tuning->large_end) {
                size_t memory = window_share_memory(window);

                window->slice_bytes = BASE_CHUNK_BYTES;
                if (window->keep_base && window->limit <= UINT32_MAX)
                        while (window->slice_bytes > SLICE_BYTES_MIN &&
                               (end - from) / window->slice_bytes < SLICES_PER_THREAD * (uint64_t) window->n_threads)
                                window->slice_bytes /= 2;
                slices = window->slice_bytes;
                window->first_slice = from / slices;
                window->end_slice = (end + slices - 1) / slices;
                r = window_prepare_hits(window, memory);
        }
        atomic_store(&window->next_slice, window->first_slice);

        region = (size_t) 1 << window->hits_plan.region_shift;
        window->tuning.segment_bytes = (uint32_t) round_up(tuning->segment_bytes, region);
        window->tuning.span_bytes = (uint32_t) round_up(tuning->span_bytes, window->tuning.segment_bytes);
        per_thread = window->n_threads > 1 ? (size_t) window->n_threads * WINDOW_STRETCHES_PER_THREAD : 1;
        window->stretch_bytes = MAX((window->n_bytes + per_thread - 1) / per_thread, (size_t) STRETCH_BYTES_MIN);
        window->stretch_bytes = round_up(window->stretch_bytes, window->tuning.segment_bytes);
        return r;
}

static int window_keep_base(Window *window) {
        size_t n_chunks = n_base_chunks(window->limit);

        if (!window->keep_base || window->first_slice == window->end_slice ||
            base_primes_bytes(window->base) >= n_chunks * BASE_CHUNK_BYTES)
                return 0;
        return window_for_each(window, n_chunks, window_keep_chunk);
}

static int window_work(Window *window) {
        bool first = true;
        int r;

        r = window_keep_base(window);
        if (r < 0)
                return r;
        do {
                atomic_store(&window->full, false);
                if (window->first_slice < window->end_slice) {
                        r = window_for_each(window, window->n_threads, window_collect);
                        if (r < 0)
                                return r;
                }
                if (first)
                        r = window_for_each(window,
                                            (window->n_bytes + window->stretch_bytes - 1) / window->stretch_bytes,
                                            window_sieve_stretch);
                else
                        r = window_for_each(window, window->hits_plan.n_regions, window_apply);
                if (r < 0)
                        return r;
                first = false;
        } while (window_has_primes_left(window));
        return window_is_cancelled(window) ? -ECANCELED : 0;
}

int window_sieve(Window *window, const mpz_t start, uint64_t length, uint64_t limit, uint8_t *bitmap) {
        const SieveTuning tuning = window->tuning;
        _cleanup_mpz_ mpz_t number;
        int r;

        assert(length > 0 && length % 30 == 0 && length <= SIEVE_WINDOW_LENGTH_MAX);
        assert(mpz_sgn(start) >= 0 && mpz_divisible_ui_p(start, 30));

        mpz_init(number);
        if (window_is_cancelled(window))
                return -ECANCELED;
        number_add_u64(number, start, length);
        window->limit = MIN(limit, window_root(number));
        assert(window->limit <= WINDOW_LIMIT_MAX);
        window->bitmap = bitmap;
        window->n_bytes = (size_t) (length / 30);
        mpz_divexact_ui(number, start, 30);
        dividend_done(&window->start_byte);
        r = dividend_init(&window->start_byte, number);
        if (r < 0)
                return r;

        r = window_plan(window, &tuning);
        if (r >= 0)
                r = window_work(window);
        window->tuning = tuning;
        return r;
}
