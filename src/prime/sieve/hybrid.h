/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Integers of any size: a sieve to a depth that pays, and Baillie-PSW for what is left. */

#include <gmp.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "prime/sieve/run.h"
#include "prime/sieve/tuning.h"

typedef struct Hybrid Hybrid;

/* Both structs are copied; what `environment` points to must stay. NULL when out of memory. */
Hybrid *hybrid_new(const SieveEnvironment *environment, const SieveTuning *tuning);
Hybrid *hybrid_free(Hybrid *hybrid);

/*
 * Writes the bitmap of the `length` numbers from `start` on, as sieve_run_next(), by sieving up to `depth` (at most
 * WINDOW_LIMIT_MAX) and testing, for a certainty of at least `wanted`. Windows need not be consecutive.
 * -EOPNOTSUPP: what is wanted cannot be had there (survivors.h).
 */
int hybrid_sieve(Hybrid *hybrid, const mpz_t start, uint64_t length, uint64_t depth, Certainty wanted,
                 uint8_t *bitmap);

DEFINE_TRIVIAL_CLEANUP_FUNC(Hybrid *, hybrid_free);
