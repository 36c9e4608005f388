/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Integers of any size: a sieve by small primes, and Baillie-PSW for what is left. */

#include <gmp.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/cleanup.h"

/* The family must not meet its own base primes, which it would cross off. */
#define HYBRID_START_MIN (UINT64_C(1) << 26)

typedef struct Hybrid Hybrid;

/*
 * Begins at `start`, a multiple of 30 not below HYBRID_START_MIN. `stop_hint` as in sieve_run_new(). `cancel` may
 * be NULL. Returns NULL when out of memory.
 */
Hybrid *hybrid_new(const mpz_t start, const mpz_t stop_hint, const atomic_bool *cancel);
Hybrid *hybrid_free(Hybrid *hybrid);

/* As sieve_run_next(), but after a failure only hybrid_free() may follow. */
int hybrid_next(Hybrid *hybrid, uint64_t length, uint8_t *bitmap);

DEFINE_TRIVIAL_CLEANUP_FUNC(Hybrid *, hybrid_free);
