/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Survivors are taken from the bitmap in batches, since the kernels below 2^128 test several at once. Most composites
 * among them fail the strong test to base 2; what passes waits until there is a batch of that for Lucas's test. A
 * bitmap may lie on both sides of 2^64 or 2^128: then a batch ends at the border.
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
} Batch;

struct Survivors {
        const BpswKernel *kernel;
        uint64_t depth;

        /* Of the call: */
        uint8_t *bitmap;
        Size size;
        Batch untested; /* nothing but the sieve has looked at them */
        Batch strong;   /* these have passed the strong test */

        LargeTest large;
        mpz_t large_numbers[LARGE_LANES];
};

Survivors *survivors_new(void) {
        Survivors *survivors = malloc(sizeof *survivors);

        if (!survivors)
                return NULL;
        *survivors = (Survivors) { .kernel = bpsw_kernel() };
        for (size_t i = 0; i < LARGE_LANES; i++)
                mpz_init(survivors->large_numbers[i]);
        large_test_init(&survivors->large);
        return survivors;
}

Survivors *survivors_free(Survivors *survivors) {
        if (!survivors)
                return NULL;
        for (size_t i = 0; i < LARGE_LANES; i++)
                mpz_clear(survivors->large_numbers[i]);
        large_test_done(&survivors->large);
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

static void batch_add(Batch *batch, const Batch *from, size_t i) {
        batch->offsets[batch->n] = from->offsets[i];
        batch->words[batch->n] = from->words[i];
        batch->numbers[batch->n] = from->numbers[i];
        batch->n++;
}

/* Lucas's test for what has passed the strong one. */
static void survivors_finish(Survivors *survivors) {
        Batch *batch = &survivors->strong;
        bool passed[BPSW_BATCH_MAX];

        if (batch->n == 0)
                return;
        if (survivors->size == SIZE_64)
                survivors->kernel->lucas64(batch->words, batch->n, passed);
        else
                survivors->kernel->lucas128(batch->numbers, batch->n, passed);
        for (size_t i = 0; i < batch->n; i++)
                if (!passed[i])
                        survivors_clear(survivors, batch->offsets[i]);
        batch->n = 0;
}

/* The strong test. */
static void survivors_begin(Survivors *survivors) {
        Batch *batch = &survivors->untested;
        bool passed[BPSW_BATCH_MAX];

        if (batch->n == 0)
                return;
        if (survivors->size == SIZE_64)
                survivors->kernel->strong64(batch->words, batch->n, passed);
        else
                survivors->kernel->strong128(batch->numbers, batch->n, passed);
        for (size_t i = 0; i < batch->n; i++) {
                if (!passed[i]) {
                        survivors_clear(survivors, batch->offsets[i]);
                        continue;
                }
                batch_add(&survivors->strong, batch, i);
                if (survivors->strong.n == BPSW_BATCH_MAX)
                        survivors_finish(survivors);
        }
        batch->n = 0;
}

/* All tests of the numbers of SIZE_LARGE. */
static int survivors_test_large(Survivors *survivors, const atomic_bool *cancel) {
        Batch *batch = &survivors->untested;
        bool passed[LARGE_LANES];
        int r;

        if (batch->n == 0)
                return 0;
        r = large_test_strong(&survivors->large, survivors->large_numbers, batch->n, cancel, passed);
        for (size_t i = 0; i < batch->n && r >= 0; i++) {
                if (passed[i])
                        r = large_test_lucas(&survivors->large, survivors->large_numbers[i], cancel, passed + i);
                if (r >= 0 && passed[i])
                        r = large_test_drawn(&survivors->large, survivors->large_numbers[i], cancel, passed + i);
                if (r >= 0 && !passed[i])
                        survivors_clear(survivors, batch->offsets[i]);
        }
        batch->n = 0;
        return r;
}

/* Tests the batch that is full or the last of its size. */
static int survivors_next_batch(Survivors *survivors, bool is_last, const atomic_bool *cancel) {
        if (is_cancelled(cancel))
                return -ECANCELED;
        if (survivors->size == SIZE_LARGE)
                return survivors_test_large(survivors, cancel);
        survivors_begin(survivors);
        if (is_last)
                survivors_finish(survivors);
        return 0;
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
                number_add_u64(survivors->large_numbers[batch->n], start, offset);
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

int survivors_test(Survivors *survivors, const mpz_t start, uint8_t *bitmap, size_t n_bytes, Certainty wanted,
                   const atomic_bool *cancel) {
        static const size_t batch_max[] = {
                [SIZE_64] = BPSW_BATCH_MAX, [SIZE_128] = BPSW_BATCH_MAX, [SIZE_LARGE] = LARGE_LANES,
        };
        uint64_t border64 = distance_to_power(start, 64), border128 = distance_to_power(start, 128), offset;
        Number128 base = {};
        BitmapWalk walk;
        int r;

        assert(mpz_sgn(start) >= 0 && mpz_divisible_ui_p(start, 30));

        (void) wanted;
        survivors->bitmap = bitmap;
        survivors->untested.n = survivors->strong.n = 0;
        survivors->size = SIZE_64;
        if (border128 > 0)
                base = number128_from(start);
        bitmap_walk_init(&walk, bitmap, n_bytes);
        while (bitmap_walk_next(&walk, &offset)) {
                Size size = offset < border64 ? SIZE_64 : offset < border128 ? SIZE_128 : SIZE_LARGE;

                if (size != survivors->size || survivors->untested.n == batch_max[size]) {
                        r = survivors_next_batch(survivors, size != survivors->size, cancel);
                        if (r < 0)
                                return r;
                        survivors->size = size;
                }
                survivors_add(survivors, start, base, offset);
        }
        return survivors_next_batch(survivors, true, cancel);
}
