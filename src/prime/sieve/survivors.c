/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Where crossing off by all primes up to sqrt(n) would cost too much, a sieve ends at a depth B, and each number that
 * it has left is tested. Of all numbers about e^-gamma / ln B = 0.56 / ln B are left (Mertens, "Ein Beitrag zur
 * analytischen Zahlentheorie", 1874), and 1 / ln n are prime. So after a sieve to 2^31 one number in 38 is tested; near
 * 2^64 six of seven of these are prime, near 2^128 three of seven. What it costs to confirm a prime is therefore as
 * important as what it costs to find a composite.
 *
 * The tests are those of Baillie-PSW (test/bpsw.h), the cheaper one first. The strong test to base 2 takes one
 * squaring per bit of n, and nearly no composite passes it. The extra strong Lucas test takes two products per bit, and
 * is spent on what has passed, which is nearly always prime. Every prime passes both. A composite that does is
 * impossible below 2^64 and not known above, so what else is done depends on the size:
 *
 *         below 2^64     nothing: the answer is proved
 *         below 2^128    where proof is wanted, that of test/proof128.c, which uses that no factor is <= B
 *         above          a strong test to a base that is drawn from n: a composite passes for a quarter of all bases at
 *                        most (Rabin, "Probabilistic algorithm for testing primality", 1980; Monier, 1980), and a
 *                        large one for far fewer as a rule (Damgård, Landrock and Pomerance, "Average case error
 *                        estimates for the strong probable prime test", 1993)
 *
 * A step of a test waits for the step before it, so the kernels test several numbers in lockstep (test/bpsw-kernel.h).
 * Survivors are taken from the bitmap in batches for that. What passes the strong test waits in a second batch, so that
 * Lucas's test has full ones, too. Each size has its own arithmetic; a bitmap may lie on both sides of 2^64 or 2^128,
 * and a batch ends at the border.
 */

#include "prime/sieve/survivors.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/test/bpsw-kernel.h"
#include "prime/test/large-test.h"
#include "prime/test/proof128.h"
#include "prime/variant.h"

/* Numbers of one kind of arithmetic. */
typedef enum Size {
        SIZE_64,
        SIZE_128,
        SIZE_LARGE,
        _SIZE_MAX,
} Size;

typedef struct Batch {
        size_t n;
        uint64_t offsets[BPSW_BATCH_MAX];
        uint64_t words[BPSW_BATCH_MAX];       /* the numbers, SIZE_64 */
        Number128 numbers[BPSW_BATCH_MAX];    /* the numbers, SIZE_128 */
        mpz_t large[LARGE_BATCH_MAX];         /* the numbers, SIZE_LARGE */
} Batch;

struct Survivors {
        const BpswKernel *kernel;
        uint64_t depth;

        /* Of the call: */
        uint8_t *bitmap;
        Certainty wanted;
        Size size;
        Batch untested; /* nothing but the sieve has looked at them */
        Batch strong;   /* these have passed the strong test */

        LargeTest large_test;
};

Survivors *survivors_new(void) {
        Survivors *survivors = malloc(sizeof *survivors);

        if (!survivors)
                return NULL;
        *survivors = (Survivors) { .kernel = VARIANT_CHOOSE(bpsw_kernel) };
        for (size_t i = 0; i < LARGE_BATCH_MAX; i++)
                mpz_inits(survivors->untested.large[i], survivors->strong.large[i], NULL);
        large_test_init(&survivors->large_test);
        return survivors;
}

Survivors *survivors_free(Survivors *survivors) {
        if (!survivors)
                return NULL;
        for (size_t i = 0; i < LARGE_BATCH_MAX; i++)
                mpz_clears(survivors->untested.large[i], survivors->strong.large[i], NULL);
        large_test_done(&survivors->large_test);
        free(survivors);
        return NULL;
}

void survivors_set_depth(Survivors *survivors, uint64_t depth) {
        survivors->depth = depth;
}

static bool is_cancelled(const atomic_bool *cancel) {
        return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

static void survivors_clear(Survivors *survivors, uint64_t offset) {
        survivors->bitmap[offset / 30] &= (uint8_t) ~(1U << bitmap_residue_bit[offset % 30]);
}

static size_t batch_max(Size size) {
        return size == SIZE_LARGE ? LARGE_BATCH_MAX : BPSW_BATCH_MAX;
}

/* Moves a number; `from` is used up. */
static void batch_take(Batch *batch, Batch *from, size_t i, Size size) {
        batch->offsets[batch->n] = from->offsets[i];
        batch->words[batch->n] = from->words[i];
        batch->numbers[batch->n] = from->numbers[i];
        if (size == SIZE_LARGE)
                mpz_swap(batch->large[batch->n], from->large[i]);
        batch->n++;
}

/* Clears the bits of what has not passed, and leaves the others in the batch. */
static void survivors_keep(Survivors *survivors, Batch *batch, const bool *passed) {
        size_t n = batch->n;

        batch->n = 0;
        for (size_t i = 0; i < n; i++)
                if (passed[i])
                        batch_take(batch, batch, i, survivors->size);
                else
                        survivors_clear(survivors, batch->offsets[i]);
}

/* A proof for what has passed Baillie-PSW. */
static int survivors_prove(Survivors *survivors, const atomic_bool *cancel) {
        Batch *batch = &survivors->strong;
        bool proved[BPSW_BATCH_MAX];

        if (survivors->wanted != CERTAINTY_PROVED || survivors->size != SIZE_128)
                return 0;
        for (size_t i = 0; i < batch->n; i++) {
                if (is_cancelled(cancel))
                        return -ECANCELED;
                proved[i] = proof128(survivors->kernel, batch->numbers[i], survivors->depth);
        }
        survivors_keep(survivors, batch, proved);
        return 0;
}

/* The tests behind the strong one, for what has passed that. */
static int survivors_finish(Survivors *survivors, const atomic_bool *cancel) {
        Batch *batch = &survivors->strong;
        bool passed[BPSW_BATCH_MAX];
        int r = 0;

        if (batch->n == 0)
                return 0;
        if (survivors->size == SIZE_64)
                survivors->kernel->lucas64(batch->words, batch->n, passed);
        else if (survivors->size == SIZE_128)
                survivors->kernel->lucas128(batch->numbers, batch->n, passed);
        else
                r = large_test_lucas(&survivors->large_test, batch->large, batch->n, cancel, passed);
        if (r < 0)
                return r;
        survivors_keep(survivors, batch, passed);
        if (survivors->size == SIZE_LARGE && batch->n > 0) {
                r = large_test_drawn(&survivors->large_test, batch->large, batch->n, cancel, passed);
                if (r < 0)
                        return r;
                survivors_keep(survivors, batch, passed);
        }
        r = survivors_prove(survivors, cancel);
        batch->n = 0;
        return r;
}

/* The strong test. What passes it waits for the others. */
static int survivors_begin(Survivors *survivors, const atomic_bool *cancel) {
        Batch *batch = &survivors->untested;
        bool passed[BPSW_BATCH_MAX];
        int r = 0;

        if (batch->n == 0)
                return 0;
        if (survivors->size == SIZE_64)
                survivors->kernel->strong64(batch->words, batch->n, passed);
        else if (survivors->size == SIZE_128)
                survivors->kernel->strong128(batch->numbers, batch->n, passed);
        else
                r = large_test_strong(&survivors->large_test, batch->large, batch->n, cancel, passed);
        if (r < 0)
                return r;
        survivors_keep(survivors, batch, passed);
        for (size_t i = 0; i < batch->n; i++) {
                batch_take(&survivors->strong, batch, i, survivors->size);
                if (survivors->strong.n == batch_max(survivors->size)) {
                        r = survivors_finish(survivors, cancel);
                        if (r < 0)
                                return r;
                }
        }
        batch->n = 0;
        return 0;
}

/* Tests the batch that is full or the last of its size. */
static int survivors_next_batch(Survivors *survivors, bool is_last, const atomic_bool *cancel) {
        int r;

        if (is_cancelled(cancel))
                return -ECANCELED;
        r = survivors_begin(survivors, cancel);
        return r < 0 || !is_last ? r : survivors_finish(survivors, cancel);
}

/* How far it is from `start` to 2^n_bits; UINT64_MAX if farther. */
static uint64_t distance_to_power(const mpz_t start, unsigned n_bits) {
        _cleanup_mpz_ mpz_t distance;

        mpz_init(distance);
        mpz_setbit(distance, n_bits);
        mpz_sub(distance, distance, start);
        if (mpz_sgn(distance) <= 0)
                return 0;
        return mpz_sizeinbase(distance, 2) > 64 ? UINT64_MAX : number_get_u64(distance);
}

/* Puts the number at `offset` into the batch. */
static void survivors_add(Survivors *survivors, const mpz_t start, Number128 base, uint64_t offset) {
        Batch *batch = &survivors->untested;

        if (survivors->size == SIZE_LARGE)
                number_add_u64(batch->large[batch->n], start, offset);
        else {
                Number128 number = number128_add(base, (Number128) { offset, 0 });

                if (number.high == 0 && number.low < 3) {
                        survivors_clear(survivors, offset);
                        return;
                }
                batch->words[batch->n] = number.low;
                batch->numbers[batch->n] = number;
        }
        batch->offsets[batch->n++] = offset;
}

static bool survivors_reach_proof(const Survivors *survivors, const mpz_t start, size_t n_bytes) {
        _cleanup_mpz_ mpz_t end;

        mpz_init(end);
        number_add_u64(end, start, (uint64_t) n_bytes * 30);
        return certainty_reachable(end, survivors->depth) == CERTAINTY_PROVED;
}

int survivors_test(Survivors *survivors, const mpz_t start, uint8_t *bitmap, size_t n_bytes, Certainty wanted,
                   const atomic_bool *cancel) {
        uint64_t border64 = distance_to_power(start, 64), border128 = distance_to_power(start, 128), offset;
        Number128 base = {};
        BitmapWalk walk;
        int r;

        assert(mpz_sgn(start) >= 0 && mpz_divisible_ui_p(start, 30));

        if (wanted == CERTAINTY_PROVED && !survivors_reach_proof(survivors, start, n_bytes))
                return -EOPNOTSUPP;
        survivors->bitmap = bitmap;
        survivors->wanted = wanted;
        survivors->untested.n = survivors->strong.n = 0;
        survivors->size = SIZE_64;
        if (border128 > 0)
                base = number128_from(start);
        bitmap_walk_init(&walk, bitmap, n_bytes);
        while (bitmap_walk_next(&walk, &offset)) {
                Size size = offset < border64 ? SIZE_64 : offset < border128 ? SIZE_128 : SIZE_LARGE;

                if (size != survivors->size || survivors->untested.n == batch_max(size)) {
                        r = survivors_next_batch(survivors, size != survivors->size, cancel);
                        if (r < 0)
                                return r;
                        survivors->size = size;
                }
                survivors_add(survivors, start, base, offset);
        }
        return survivors_next_batch(survivors, true, cancel);
}
