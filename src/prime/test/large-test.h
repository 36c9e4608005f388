/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Baillie-PSW for numbers of many limbs, and a strong test to one more base. The same answers as strong.h and lucas.h,
 * several times faster up to some thousand bits.
 *
 * All functions return 0, -ENOMEM, or -ECANCELED after `cancel` (may be NULL) has become true, which they look at
 * every 100 ms at least. Numbers are odd and > 2^128.
 */

#include <gmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prime/test/large-kernel.h"

/* How many numbers may be given at once. Numbers of equal size in bits are faster together. */
#define LARGE_BATCH_MAX 16

/* Scratch memory. One per thread. */
typedef struct LargeTest {
        bool has_ifma;             /* the processor has what ifma.h needs */
        const LargeKernel *kernel; /* NULL: the portable functions */
        size_t own_limbs_max;      /* above, GMP's functions are faster. Tests may change all three to less. */
        mp_limb_t *memory;
        size_t memory_limbs;
        uint64_t *words; /* for ifma.h */
        mpz_t power, exponent, number;
} LargeTest;

void large_test_init(LargeTest *test);
void large_test_done(LargeTest *test);

/* Whether each of 1 to LARGE_BATCH_MAX numbers passes the strong test to base 2. */
int large_test_strong(LargeTest *test, const mpz_t *numbers, size_t n_numbers, const atomic_bool *cancel,
                      bool *ret_passed);

/* Whether each passes the extra strong Lucas test. */
int large_test_lucas(LargeTest *test, const mpz_t *numbers, size_t n_numbers, const atomic_bool *cancel,
                     bool *ret_passed);

/*
 * Whether each number n passes the strong test to the base w / 2^52 modulo n, where w is a hash of n: drawn at random
 * as far as n knows, and the same on every machine.
 */
int large_test_drawn(LargeTest *test, const mpz_t *numbers, size_t n_numbers, const atomic_bool *cancel,
                     bool *ret_passed);

/* The w, 0 < w < 2^52. */
uint64_t large_test_draw(const mpz_t n);
