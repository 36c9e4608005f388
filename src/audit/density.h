/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How many primes a stretch should have: the logarithmic integral, and how far from it the truth may be. */

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

/* The integral of 1/ln x over [start + low, start + high), without what lies below 2. */
double density_expected(const mpz_t start, uint64_t low, uint64_t high);

/*
 * Whether `count` is within eight standard deviations of that, as if numbers were prime by chance, and some more for
 * stretches so short that chance has little to do with it. The true counts keep much closer.
 */
bool density_is_plausible(const mpz_t start, uint64_t low, uint64_t high, uint64_t count);
