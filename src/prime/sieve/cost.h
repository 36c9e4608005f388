/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a run costs, roughly: enough to choose how long it should be. */

#include <gmp.h>
#include <stdint.h>

/*
 * How many consecutive blocks of `block_length` numbers a run at `start` should have at least, so that its start
 * (sieving primes, first multiples) stays under a twentieth of its work. From 1 to SIEVE_RUN_BLOCKS_MAX.
 */
uint64_t sieve_run_blocks(const mpz_t start, uint64_t block_length);

#define SIEVE_RUN_BLOCKS_MAX 1024
