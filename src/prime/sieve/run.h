/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's contract: (start, length) to bitmap, for integers of any size.
 *
 * A run computes consecutive stretches and keeps its state from one to the next. It creates no thread, opens no
 * file and logs nothing; the caller brings what it needs in a SieveEnvironment. Different runs are independent
 * and may be used from different threads at once.
 */

#include <gmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

/* How sure it is that a set bit is a prime. A clear bit is a proved composite in every case. */
typedef enum Certainty {
        CERTAINTY_PROVED = 1, /* sieved to the square root, or a test that is deterministic at this size */
        CERTAINTY_BPSW = 2,   /* survives trial sieving and Baillie-PSW; no counter-example is known */
        _CERTAINTY_MAX,
} Certainty;

const char *certainty_name(Certainty certainty); /* "proved", "bpsw"; NULL for others */

/* The certainty of a block that ends at `end` (exclusive): the position alone decides. */
Certainty certainty_of(const mpz_t end);

typedef struct SieveEnvironment {
        /*
         * When it reads true, sieve_run_next() returns -ECANCELED. May be NULL. Polled every few milliseconds, but
         * not inside a test of one large number (100 ms at 6,000 bits), nor while libprimesieve prepares a run below
         * 2^64 (up to 1 s at 10^18, 3 s at 2^64).
         */
        const atomic_bool *cancel;
} SieveEnvironment;

typedef struct SieveRun SieveRun;

/*
 * Begins at `start`, a multiple of 30. `stop_hint` is where the run will probably end (exclusive); it decides how
 * much is prepared, so it should be the end of the whole run, not of its first block. Returns 0 or -ENOMEM.
 */
int sieve_run_new(const mpz_t start, const mpz_t stop_hint, const SieveEnvironment *environment, SieveRun **ret);
SieveRun *sieve_run_free(SieveRun *run);

/*
 * Writes the bitmap of the next `length` numbers (multiple of 30, at most GRID_BLOCK_LENGTH_MAX), length / 30
 * bytes. Returns 0, -ECANCELED (the run stays where it was, the bitmap's contents are undefined), -ENOMEM, or
 * -EIO when the sieving library failed.
 */
int sieve_run_next(SieveRun *run, uint64_t length, uint8_t *bitmap, Certainty *ret_certainty);

DEFINE_TRIVIAL_CLEANUP_FUNC(SieveRun *, sieve_run_free);
