/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A word of warning before a job whose numbers are so large that testing a single one of them takes long. */

#include <gmp.h>
#include <stddef.h>

/*
 * About how many seconds one test of a number with `n_bits` bits takes on a processor of 3 GHz. Right within a factor
 * of two from 8,000 to 130,000 bits, with GMP 6.2.
 */
double slow_test_seconds(size_t n_bits);

/* Warns when a test of a number from `from` on takes longer than about ten seconds. */
void slow_test_warn(const mpz_t from);
