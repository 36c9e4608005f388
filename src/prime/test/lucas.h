/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The extra strong Lucas test (Grantham, "Frobenius pseudoprimes", 2001; Mo and Jones) with Baillie's parameters:
 * Q = 1 and the first P = 3, 4, 5, … for which the Jacobi symbol (P² - 4 | n) is -1. The odd composites that pass are
 * OEIS A217719.
 */

#include <gmp.h>
#include <stdbool.h>

/* Scratch numbers, so that a test allocates nothing once they have grown. One per thread. */
typedef struct LucasTest {
        mpz_t odd_part, low, high, product;
} LucasTest;

void lucas_test_init(LucasTest *test);
void lucas_test_done(LucasTest *test);

/* Whether the odd number n > 1 passes. */
bool lucas_test_passes(LucasTest *test, const mpz_t n);
