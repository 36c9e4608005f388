/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How sure a job must be of its primes: what may be asked for, where it is possible, and what its blocks record. 0
 * stands for nothing asked: certainty_of() of each block's place, proved below 2^64 and Baillie-PSW above.
 */

#include <gmp.h>
#include <stdint.h>

#include "base/problem.h"

/* How sure it is that a set bit is a prime. A clear bit is a proved composite in every case. */
typedef enum Certainty {
        CERTAINTY_PROVED = 1, /* sieved to the square root, or a test that is deterministic at this size */
        CERTAINTY_BPSW = 2,   /* survives trial sieving and Baillie-PSW; no counter-example is known */
        _CERTAINTY_MAX,
} Certainty;

const char *certainty_name(Certainty certainty); /* "proved", "bpsw"; NULL for others */

/* The certainty of a block that ends at `end` (exclusive): the position alone decides. */
Certainty certainty_of(const mpz_t end);

/*
 * The best certainty that survivors_test() can give a block that ends at `end`, of which a sieve has crossed off the
 * multiples of all primes <= depth: proved up to 2^64, to 3.3·10^24, and to 4.2·10^24·depth below 2^128.
 */
Certainty certainty_reachable(const mpz_t end, uint64_t depth);

/* "proved" or "bpsw". -EINVAL: another word. */
int certainty_parse(const char *word, Certainty *ret);

/*
 * Whether a job that ends at `to` (exclusive; NULL: it has no end) can have it: proofs reach up to 4·10^33, where the
 * pseudosquare test ends. 0, or -ERANGE with the cure.
 */
int certainty_check(Certainty asked, mpz_srcptr to, Problem *problem);

/*
 * What a block that ends at `end` (exclusive) records where this was asked for: the job and the place decide, not how a
 * worker came to it, so that all stores of a job have the same bytes.
 */
Certainty certainty_at(Certainty asked, const mpz_t end);
