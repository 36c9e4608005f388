/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A model of costs in nanoseconds of one core of 2020. Only the ratio of start and work matters, and that differs
 * little between machines.
 *
 * Below 2^64 the start generates the sieving primes up to sqrt(n) and finds the first multiple of each: 10 ns a
 * prime. The work per number grows with log log n: 0.2 ns at 10^10, 1.1 ns at 2^64. Above 2^64 a run sieves to a
 * fixed depth and tests what is left; the start is a small part of one block.
 */

#include "prime/sieve/cost.h"

#include <math.h>

#include "base/macro.h"

#define NSEC_PER_SIEVING_PRIME 10.0
#define START_SHARE 0.05

uint64_t sieve_run_blocks(const mpz_t start, uint64_t block_length) {
        double n, root, start_nsec, number_nsec;

        if (mpz_sizeinbase(start, 2) > 64)
                return 1;
        n = MAX(mpz_get_d(start), 1e9);
        root = sqrt(n);
        start_nsec = NSEC_PER_SIEVING_PRIME * root / log(root);
        /* Through the measured points (10^10, 0.2) and (2^64, 1.1), linear in log n. */
        number_nsec = MAX(0.2 + (log10(n) - 10) * 0.9 / 9.27, 0.15);
        return (uint64_t) CLAMP(ceil(start_nsec / (START_SHARE * number_nsec * (double) block_length)), 1.0,
                                (double) SIEVE_RUN_BLOCKS_MAX);
}
