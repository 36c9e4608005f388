/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Primality tests of what a sieve has left: clears the bits of composites.
 *
 *         below 2^64     Baillie-PSW, which is a proof there
 *         below 2^128    Baillie-PSW, and where proof is wanted certainty_reachable()'s method
 *         above          Baillie-PSW and a strong test to one more base, which is drawn from n itself
 */

#include <gmp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "prime/certainty.h"

typedef struct Survivors Survivors; /* scratch memory; one per thread */

/* NULL when out of memory. */
Survivors *survivors_new(void);
Survivors *survivors_free(Survivors *survivors);

/*
 * Every number of the bitmap from `start` (a multiple of 30) on whose bit is set has no prime factor <= depth but
 * itself. 0 is always true, but then nothing above 2^81 can be proved. Set by the caller before the first test and
 * whenever it changes; 0 in the beginning.
 */
void survivors_set_depth(Survivors *survivors, uint64_t depth);

/*
 * Clears the bits of all composites in [start, start + 30·n_bytes). `wanted`: CERTAINTY_BPSW, or CERTAINTY_PROVED for
 * a proof of each number whose bit stays. `cancel` may be NULL and is looked at every 100 ms at least.
 * Returns 0, -ECANCELED or -ENOMEM (the bitmap is then undefined), or -EOPNOTSUPP: `wanted` is more than
 * certainty_reachable() up to the end.
 */
int survivors_test(Survivors *survivors, const mpz_t start, uint8_t *bitmap, size_t n_bytes, Certainty wanted,
                   const atomic_bool *cancel);

DEFINE_TRIVIAL_CLEANUP_FUNC(Survivors *, survivors_free);
