/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The strong probable-prime test to one base (Miller 1976, Rabin 1980; Pomerance, Selfridge and Wagstaff, "The
 * pseudoprimes to 25·10^9", 1980). The odd composites that pass for base 2 are OEIS A001262.
 */

#include <gmp.h>
#include <stdbool.h>

/* Scratch numbers, so that a test allocates nothing once they have grown. One per thread. */
typedef struct StrongTest {
        mpz_t less_one, odd_part, power, base;
} StrongTest;

void strong_test_init(StrongTest *test);
void strong_test_done(StrongTest *test);

/* Whether the odd number n passes for `base`, 2 <= base < n. */
bool strong_test_passes(StrongTest *test, const mpz_t n, unsigned long base);
