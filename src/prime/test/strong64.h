/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The strong probable-prime test of numbers below 2^64, in Montgomery's arithmetic (Montgomery, "Modular multiplication
 * without trial division", 1985): some two hundred nanoseconds for one base. It shares no code with strong.h nor with
 * the sieves, so that one may check the other.
 */

#include <stdbool.h>
#include <stdint.h>

/* Whether the odd number n > 2 passes for `base`; a base that is a multiple of n says nothing, and passes. */
bool strong64_passes(uint64_t n, uint64_t base);

/* Deterministic, for every n: seven bases that no composite below 2^64 passes (Sinclair, 2011). */
bool strong64_is_prime(uint64_t n);
