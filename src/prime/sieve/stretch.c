/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The order of work in a stretch, which is all about caches.
 *
 *         for each span (third-level cache)
 *                 pre-sieve, so far ahead that turns may run over the span's end
 *                 large primes over the whole span
 *                 for each segment of it (second-level cache)
 *                         medium primes over the whole segment
 *                         for each block of it (first-level cache)
 *                                 small primes
 *                         visit: whoever has hits of big primes applies them now
 *
 * Small primes hit every cache line of a block many times, so the block should be in the nearest cache. Medium primes
 * hit it a few times only: for them the number of visits is what costs, since each ends in a jump that no processor
 * foresees, and the segment is larger. For large primes the same holds once more.
 *
 * That a sieve should go piece by piece through what fits into fast memory is as old as C. Bays and R. Hudson, "The
 * segmented sieve of Eratosthenes and arithmetic progressions to 10^12", BIT 17 (1977). To treat primes by classes of
 * size, each with the cache that suits it, is the way of primesieve (K. Walisch: EratSmall, EratMedium, EratBig); it
 * has two levels and keeps medium primes in lists by their place on the wheel, where we have three levels and turns.
 *
 * The state of a prime is the byte where its next turn begins. It is computed at the beginning of a stretch, from one
 * remainder, so stretches depend on nothing and can be given to any thread; that costs 0.1 ms for all primes below
 * 2^18, and a stretch takes several milliseconds.
 *
 * A prime p begins at its own square, or more simply at the turn with the cofactor p: this turn's smaller cofactors are
 * larger than 1, so what they cross off is composite. The turns before are left out, because one of them holds p.
 */

#include "prime/sieve/stretch.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/sieve/presieve.h"
#include "prime/sieve/turns.h"
#include "prime/variant.h"

#define LOCATE_BATCH 512 /* primes */

struct Stretch {
        const PresieveTables *tables;
        const PresieveKernel *presieve_kernel;
        const LocateKernel *locate_kernel;
        const TurnPrimes *primes;

        uint32_t n_small[8], n_medium[8], n_used[8]; /* of the primes of each class, for the stretch in work */
        uint32_t *turns[8];
        uint32_t *memory;

        uint64_t batch[LOCATE_BATCH], remainders[LOCATE_BATCH];
        uint32_t phases[LOCATE_BATCH];
};

Stretch *stretch_new(void) {
        Stretch *stretch = malloc(sizeof *stretch);
        size_t n = 0;

        if (!stretch)
                return NULL;
        *stretch = (Stretch) {
                .tables = presieve_tables(),
                .presieve_kernel = VARIANT_CHOOSE(presieve_kernel),
                .locate_kernel = VARIANT_CHOOSE(locate_kernel),
                .primes = turn_primes(),
        };
        if (!stretch->tables || !stretch->primes)
                return stretch_free(stretch);
        for (unsigned bit = 0; bit < 8; bit++)
                n += stretch->primes->n[bit];
        stretch->memory = calloc(n, sizeof *stretch->memory);
        if (!stretch->memory)
                return stretch_free(stretch);
        n = 0;
        for (unsigned bit = 0; bit < 8; bit++) {
                stretch->turns[bit] = stretch->memory + n;
                n += stretch->primes->n[bit];
        }
        return stretch;
}

Stretch *stretch_free(Stretch *stretch) {
        if (!stretch)
                return NULL;
        free(stretch->memory);
        free(stretch);
        return NULL;
}

static bool work_is_cancelled(const StretchWork *work) {
        return work->cancel && atomic_load_explicit(work->cancel, memory_order_relaxed);
}

/* The first byte of the stretch, or UINT64_MAX if that is far beyond the squares of all these primes. */
static uint64_t work_first_byte(const StretchWork *work) {
        uint64_t start = dividend_saturated(work->start_byte);

        return start == UINT64_MAX ? start : start + work->skip;
}

/* Where the turns of one prime begin. `remainder`: of the window's start. Does the turn that the stretch begins in. */
static uint32_t work_begin_turns(const StretchWork *work, unsigned residue_bit, uint32_t prime, uint64_t remainder,
                                 uint64_t first_byte) {
        uint64_t own = (uint64_t) prime * (prime / 30);

        if (first_byte <= own)
                return (uint32_t) MIN(own - first_byte, UINT32_MAX / 2);
        remainder = (remainder + work->skip % prime) % prime;
        if (remainder == 0)
                return 0;
        turns_mark_one(residue_bit, prime, -(int64_t) remainder, work->bitmap, work->n_bytes);
        return (uint32_t) (prime - remainder);
}

/* Returns 0 or -ECANCELED: divisions of long numbers take their time. */
static int stretch_begin_class(Stretch *stretch, const StretchWork *work, unsigned residue_bit) {
        const uint32_t *primes = stretch->primes->primes[residue_bit];
        uint64_t first_byte = work_first_byte(work);
        uint32_t n = stretch->n_used[residue_bit], i = 0, n_batch_max;

        n_batch_max = (uint32_t) CLAMP(LOCATE_CANCEL_WORDS / (work->start_byte->n_words + 1), (size_t) 8,
                                       (size_t) LOCATE_BATCH);

        for (; i < n && primes[i] < LOCATE_PRIME_MIN; i++)
                stretch->turns[residue_bit][i] = work_begin_turns(
                        work, residue_bit, primes[i], dividend_modulo(work->start_byte, primes[i]), first_byte);
        while (i < n) {
                uint32_t n_batch = MIN(n - i, n_batch_max);

                if (work_is_cancelled(work))
                        return -ECANCELED;
                for (uint32_t k = 0; k < n_batch; k++)
                        stretch->batch[k] = primes[i + k];
                dividend_locate(stretch->locate_kernel, work->start_byte, stretch->batch, n_batch, stretch->remainders,
                                stretch->phases);
                for (uint32_t k = 0; k < n_batch; k++, i++)
                        stretch->turns[residue_bit][i] = work_begin_turns(work, residue_bit, primes[i],
                                                                          stretch->remainders[k], first_byte);
        }
        return 0;
}

static void stretch_mark(Stretch *stretch, const uint32_t *from, const uint32_t *to, uint8_t *bitmap, uint32_t length,
                         uint32_t room) {
        for (unsigned bit = 0; bit < 8; bit++)
                turns_mark(bit, stretch->primes->primes[bit] + from[bit], stretch->turns[bit] + from[bit],
                           to[bit] - from[bit], bitmap, length, room);
}

/* 1 is no prime, and those of the pre-sieve are. */
static void work_mend_first_bytes(const StretchWork *work) {
        uint64_t first_byte = work_first_byte(work);

        for (unsigned n = 1; n <= PRESIEVE_PRIME_MAX; n++) {
                unsigned bit = bitmap_residue_bit[n % 30];
                bool prime = n > 1 && bit < 8;

                for (unsigned d = 7; d * d <= n; d++)
                        prime = prime && n % d != 0;
                if (bit == 8 || n / 30 < first_byte || n / 30 - first_byte >= work->n_bytes)
                        continue;
                if (prime)
                        work->bitmap[n / 30 - first_byte] |= (uint8_t) (1U << bit);
                else
                        work->bitmap[n / 30 - first_byte] &= (uint8_t) ~(1U << bit);
        }
}

/* Decides who is small, medium, and used, and returns by how many bytes turns may run over an end. */
static uint32_t stretch_select(Stretch *stretch, const StretchWork *work) {
        uint32_t overrun = PRESIEVE_BYTES; /* mended at once */

        assert(work->prime_end <= TURN_PRIME_END);

        for (unsigned bit = 0; bit < 8; bit++) {
                uint32_t n = turn_primes_below(stretch->primes, bit, work->prime_end);

                stretch->n_used[bit] = n;
                stretch->n_medium[bit] = MIN(n, turn_primes_below(stretch->primes, bit, work->tuning->medium_end));
                stretch->n_small[bit] = MIN(stretch->n_medium[bit],
                                            turn_primes_below(stretch->primes, bit, work->tuning->small_end));
                if (n > 0)
                        overrun = MAX(overrun, stretch->primes->primes[bit][n - 1]);
        }
        return overrun;
}

/* The segments of a span, from `done` to `end`. */
static int stretch_sieve_span(Stretch *stretch, const StretchWork *work, uint32_t done, uint32_t end) {
        static const uint32_t none[8];

        while (done < end) {
                uint32_t length = MIN(end - done, work->tuning->segment_bytes), n;
                uint8_t *segment = work->bitmap + done;
                int r;

                if (work_is_cancelled(work))
                        return -ECANCELED;
                stretch_mark(stretch, stretch->n_small, stretch->n_medium, segment, length, work->n_bytes - done);
                for (uint32_t block = 0; block < length; block += n) {
                        n = MIN(length - block, work->tuning->block_bytes);
                        stretch_mark(stretch, none, stretch->n_small, segment + block, n,
                                     work->n_bytes - done - block);
                }
                r = work->visit ? work->visit(work->userdata, done, length) : 0;
                if (r < 0)
                        return r;
                done += length;
        }
        return 0;
}

int stretch_sieve(Stretch *stretch, const StretchWork *work) {
        const uint32_t n_bytes = work->n_bytes, overrun = stretch_select(stretch, work);
        uint32_t presieved;
        Presieve presieve;

        assert(n_bytes > 0 && n_bytes <= STRETCH_BYTES_MAX);

        presieve_init(&presieve, stretch->tables, stretch->presieve_kernel, work->start_byte, work->skip);
        presieved = MIN(n_bytes, overrun);
        presieve_fill(&presieve, work->bitmap, presieved);
        for (unsigned bit = 0; bit < 8; bit++) {
                int r = stretch_begin_class(stretch, work, bit);

                if (r < 0)
                        return r;
        }

        for (uint32_t done = 0; done < n_bytes;) {
                uint32_t end = done + MIN(n_bytes - done, work->tuning->span_bytes);
                uint32_t ahead = MIN(n_bytes, end + overrun);
                int r;

                if (work_is_cancelled(work))
                        return -ECANCELED;
                presieve_fill(&presieve, work->bitmap + presieved, ahead - presieved);
                presieved = ahead;
                if (done == 0)
                        work_mend_first_bytes(work);
                stretch_mark(stretch, stretch->n_medium, stretch->n_used, work->bitmap + done, end - done,
                             n_bytes - done);
                r = stretch_sieve_span(stretch, work, done, end);
                if (r < 0)
                        return r;
                done = end;
        }
        return 0;
}
