/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How sure a job must be of its primes: what may be asked for, where it is possible, and what its blocks record. 0
 * stands for nothing asked: certainty_of() of each block's place, proved below 2^64 and Baillie-PSW above.
 */

#include "base/problem.h"
#include "prime/sieve/run.h"

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
