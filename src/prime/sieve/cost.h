/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What windows cost, roughly: enough to choose the method, the depth of the sieve, and how long a window should be. */

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the model has medium primes begin, and big ones. */
#define COST_MEDIUM_FROM 32768
#define COST_BIG_FROM 1048576

/* Nanoseconds of one core. */
typedef struct SieveCosts {
        double number_nsec;     /* a number of a window, for the pre-sieve and small primes, */
        double mark_nsec;       /* a multiple of a medium prime, */
        double hit_nsec;        /* one of a big prime */
        double base_nsec;       /* a number of the base primes' bitmap, where that must be made */
        double prime_nsec;      /* a base prime, and besides … */
        double prime_word_nsec; /* … for each 32 bits of the window's start beyond the first 60 */
        double test_nsec[5];    /* a strong test to base 2 of 64, 80, 96, 112, 128 bits, interleaved where it can be; */
        double power_nsec[3];   /* … of more: per bit, this plus n_limbs times plus n_limbs^2 times */
} SieveCosts;

extern const SieveCosts sieve_costs_default;

/* Where a window is, and who works on it. */
typedef struct CostPlace {
        double start;        /* may be infinite */
        size_t n_bits;       /* of the start */
        unsigned n_threads;  /* at least 1 */
        double base_numbers; /* so far the base primes have been made and kept */
} CostPlace;

/* Nanoseconds until a window of `length` numbers, sieved by all primes up to `limit`, is written. */
double cost_of_sieve(const SieveCosts *costs, const CostPlace *place, double length, double limit);

/* The depth that makes sieving and testing cheapest together, at most `limit_max`. */
double cost_best_depth(const SieveCosts *costs, const CostPlace *place, double length, double limit_max);

/* Nanoseconds of sieving to that depth and of the tests to base 2, or more, of what is left. */
double cost_of_tests(const SieveCosts *costs, const CostPlace *place, double length, double limit);

/* Nanoseconds of `n_tests` further tests of each prime among `length` numbers. */
double cost_of_proofs(const SieveCosts *costs, const CostPlace *place, double length, unsigned n_tests);

/*
 * How many consecutive blocks of `block_length` numbers a run at `start` should have at least, so that its start
 * (sieving primes, first multiples) stays under a twentieth of its work. From 1 to SIEVE_RUN_BLOCKS_MAX.
 */
uint64_t sieve_run_blocks(const mpz_t start, uint64_t block_length);

#define SIEVE_RUN_BLOCKS_MAX 1024
