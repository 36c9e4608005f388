/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Below 2^64: a complete sieve, by libprimesieve. Every set bit is a proved prime. */

#include <stdatomic.h>
#include <stdint.h>

#include "base/cleanup.h"

/* The largest multiple of 30 that is not above 2^64: here this family ends. */
#define BELOW64_END (UINT64_MAX - 15)

typedef struct Below64 Below64;

/*
 * Begins at `start`, a multiple of 30 below BELOW64_END. `stop_hint` is above `start`. `cancel` may be NULL. Returns
 * NULL when out of memory.
 */
Below64 *below64_new(uint64_t start, uint64_t stop_hint, const atomic_bool *cancel);
Below64 *below64_free(Below64 *below64);

/*
 * As sieve_run_next(), but after a failure only below64_free() may follow. The stretch must not pass BELOW64_END.
 */
int below64_next(Below64 *below64, uint64_t length, uint8_t *bitmap);

DEFINE_TRIVIAL_CLEANUP_FUNC(Below64 *, below64_free);
