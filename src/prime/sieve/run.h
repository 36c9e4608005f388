/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's contract: (start, length) to bitmap, for integers of any size.
 *
 * A run computes consecutive windows and keeps what it can from one to the next. It creates no thread, opens no
 * file and logs nothing; the caller brings what it needs in a SieveEnvironment. Different runs are independent
 * and may be used from different threads at once.
 */

#include <gmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "prime/certainty.h"

/* One part of a piece of work. `thread`: see SieveTeam. Returns 0 or negative errno. */
typedef int SievePart(void *userdata, size_t part, unsigned thread);

/*
 * Threads that the caller lends to a run. for_each() calls part(userdata, i, thread) once for each i in [0, n_parts),
 * the small i first, from up to n_threads threads at once, of which the caller's own may be one; `thread` is below
 * n_threads, and no two calls have the same one at the same time. It returns when all calls have returned: 0, or the
 * error of one of them, after which parts that were not begun may be left out.
 */
typedef struct SieveTeam {
        unsigned n_threads; /* at least 1 */
        int (*for_each)(void *team, size_t n_parts, SievePart *part, void *userdata);
        void *team;
} SieveTeam;

typedef struct SieveCosts SieveCosts;   /* prime/sieve/cost.h */
typedef struct SieveTuning SieveTuning; /* prime/sieve/tuning.h */

typedef struct SieveEnvironment {
        /* When it reads true, sieve_run_next() returns -ECANCELED. May be NULL. */
        const atomic_bool *cancel;

        /* At least so sure; 0: what certainty_of() says. */
        Certainty certainty;

        /* May be NULL: the run works alone, on the thread that calls it. */
        const SieveTeam *team;

        /* Bytes that the run should keep to, with the caller's bitmap of one window; 0: SIEVE_MEMORY_DEFAULT. */
        size_t memory_max;

        /* Measured on this machine; NULL: sieve_tuning_default(), sieve_costs_default. They must stay. */
        const SieveTuning *tuning;
        const SieveCosts *costs;

        /* So many times longer than by those costs it takes, as the caller has seen; 0: not known. For
           sieve_window_length(). */
        double slowness;
} SieveEnvironment;

#define SIEVE_MEMORY_DEFAULT ((size_t) 170 << 20)

/* The longest window: its hits are counted in 32 bits. */
#define SIEVE_WINDOW_LENGTH_MAX (UINT64_C(30) << 30)

/*
 * How many numbers one call of sieve_run_next() at `start` should be given, where they are wanted at all, to be fast
 * within the environment's memory and to take no longer than about 10 s: a multiple of 30, at least 30. Shorter
 * windows are right, too, but slower per number where the preparation of a window is long. Where preparing alone takes
 * longer than 5 s (from 2^66 on one fast thread), a window goes on for as long, half a minute at most; beyond, numbers
 * are tested instead. Below 2^64 and without costs of its own a slow machine may take longer.
 */
uint64_t sieve_window_length(const mpz_t start, const SieveEnvironment *environment);

typedef struct SieveRun SieveRun;

/*
 * Begins at `start`, a multiple of 30. `stop_hint` is where the run will probably end (exclusive); it decides how
 * much is prepared, so it should be the end of the whole run, not of its first block. Returns 0 or -ENOMEM.
 */
int sieve_run_new(const mpz_t start, const mpz_t stop_hint, const SieveEnvironment *environment, SieveRun **ret);
SieveRun *sieve_run_free(SieveRun *run);

/*
 * Writes the bitmap of the next `length` numbers (multiple of 30, at most SIEVE_WINDOW_LENGTH_MAX), length / 30
 * bytes. Returns 0, or -ECANCELED or -ENOMEM: then the run stays where it was, and the contents of the bitmap are
 * undefined.
 */
int sieve_run_next(SieveRun *run, uint64_t length, uint8_t *bitmap, Certainty *ret_certainty);

/* Nanoseconds that sieve_run_next() will take for so many numbers, with all threads: by the environment's costs. */
double sieve_run_predict(SieveRun *run, uint64_t length);

DEFINE_TRIVIAL_CLEANUP_FUNC(SieveRun *, sieve_run_free);
