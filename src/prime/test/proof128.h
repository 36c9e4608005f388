/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Proofs of primality below 2^128 by powers alone, for numbers that a sieve has been over.
 *
 *         < 3317044064679887385961981     strong tests to the bases 2 … 41, of which 37 is enough below
 *                                         318665857834031151167461 (Sorenson and Webster, "Strong pseudoprimes to
 *                                         twelve prime bases", 2015)
 *         < L_p · depth                   the pseudosquare test (Lukes, Patterson and Williams, "Some results on
 *                                         pseudosquares", 1996; Sorenson, "The pseudosquares prime sieve", 2006)
 *
 * The greatest known L_p is L_373, about 4.2·10^24.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prime/test/bpsw-kernel.h"
#include "prime/test/number128.h"

/* Whether proof128() proves every prime n < end that has no prime factor <= depth but itself. */
bool proof128_reaches(Number128 end, uint64_t depth);

/*
 * Whether the odd number n > 2^64 is a proved prime. It has passed the strong test to base 2, has no prime factor
 * <= depth, and proof128_reaches(n + 1, depth).
 */
bool proof128(const BpswKernel *kernel, Number128 n, uint64_t depth);

/* The row `i` of the table of pseudosquares, for tests: the prime p, and L_p. False behind the last. */
bool proof128_pseudosquare(size_t i, unsigned *ret_p, Number128 *ret_pseudosquare);
