/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A run: the position, and the family that works there.
 *
 * Two families share the integers: below64 up to the last multiple of 30 before 2^64, hybrid from there on. A
 * stretch across the border is given to both, one after the other.
 *
 * Hybrid also takes short runs below 2^64, where Baillie-PSW is a proof too: the complete sieve prepares for 0.3 ns
 * times the square root of the position (1.2 s at 2^64) before its first prime, hybrid needs about 150 ns per number
 * instead. So a run is short if it has fewer numbers than the square root / SHORT_RUN_DIVISOR: 8.6 million at 2^64,
 * 63,000 at 10^15. A run that turns out to be longer than its hint said changes the family at the hint.
 *
 * A family that failed or was cancelled is thrown away and made again at the next call: the run has then stayed where
 * it was by construction, whatever the family had done meanwhile, also when the first part of a stretch across the
 * border had succeeded. What that costs is the preparation, once per cancellation.
 */

#include "prime/sieve/run.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/macro.h"
#include "prime/grid.h"
#include "prime/number.h"
#include "prime/sieve/below64.h"
#include "prime/sieve/hybrid.h"

#define SHORT_RUN_DIVISOR UINT64_C(500)
static_assert(SHORT_RUN_DIVISOR * 30 * SHORT_RUN_DIVISOR * 30 > HYBRID_START_MIN,
              "hybrid would get runs that begin among its own base primes");

struct SieveRun {
        mpz_t position, stop_hint;
        SieveEnvironment environment;
        Below64 *below64; /* at most one of the two families is alive, at `position` */
        Hybrid *hybrid;
};

const char *certainty_name(Certainty certainty) {
        switch (certainty) {
        case CERTAINTY_PROVED:
                return "proved";
        case CERTAINTY_BPSW:
                return "bpsw";
        case _CERTAINTY_MAX:
                break;
        }
        return NULL;
}

Certainty certainty_of(const mpz_t end) {
        size_t n_bits = mpz_sizeinbase(end, 2);

        if (n_bits <= 64 || (n_bits == 65 && mpz_scan1(end, 0) == 64))
                return CERTAINTY_PROVED;
        return CERTAINTY_BPSW;
}

int sieve_run_new(const mpz_t start, const mpz_t stop_hint, const SieveEnvironment *environment, SieveRun **ret) {
        SieveRun *run;

        assert(mpz_sgn(start) >= 0 && mpz_divisible_ui_p(start, 30));
        assert(environment && ret);

        run = malloc(sizeof *run);
        if (!run)
                return -ENOMEM;
        *run = (SieveRun) { .environment = *environment };
        mpz_init_set(run->position, start);
        mpz_init_set(run->stop_hint, stop_hint);
        *ret = run;
        return 0;
}

uint64_t sieve_window_length(const mpz_t start, const SieveEnvironment *environment) {
        unsigned n_threads = environment->team ? environment->team->n_threads : 1;

        return grid_block_length(mpz_sizeinbase(start, 2)) * MAX(n_threads, 1U);
}

static void sieve_run_drop_families(SieveRun *run) {
        run->below64 = below64_free(run->below64);
        run->hybrid = hybrid_free(run->hybrid);
}

SieveRun *sieve_run_free(SieveRun *run) {
        if (!run)
                return NULL;
        sieve_run_drop_families(run);
        mpz_clears(run->position, run->stop_hint, NULL);
        free(run);
        return NULL;
}

/* Whether so little is left that it is not worth while to begin a complete sieve. */
static bool sieve_run_is_short(const SieveRun *run, uint64_t length) {
        _cleanup_mpz_ mpz_t rest;

        mpz_init(rest);
        if (run->below64)
                return false; /* it has begun */
        mpz_sub(rest, run->stop_hint, run->position);
        return mpz_get_d(rest) >= (double) length &&
               mpz_get_d(rest) * (double) SHORT_RUN_DIVISOR < sqrt(mpz_get_d(run->position));
}

/* How many of the next `length` numbers are for below64 to do. */
static uint64_t sieve_run_below64_part(const SieveRun *run, uint64_t length) {
        uint64_t position;

        if (mpz_sizeinbase(run->position, 2) > 64)
                return 0;
        position = number_get_u64(run->position);
        if (position >= BELOW64_END || sieve_run_is_short(run, length))
                return 0;
        return MIN(length, BELOW64_END - position);
}

static int sieve_run_below64(SieveRun *run, uint64_t length, uint8_t *bitmap) {
        if (!run->below64) {
                uint64_t start = number_get_u64(run->position), stop = BELOW64_END;

                if (mpz_sizeinbase(run->stop_hint, 2) <= 64)
                        stop = MIN(stop, number_get_u64(run->stop_hint));
                stop = MAX(stop, start + length);
                run->below64 = below64_new(start, stop, run->environment.cancel);
                if (!run->below64)
                        return -ENOMEM;
        }
        return below64_next(run->below64, length, bitmap);
}

/* `skipped`: what of the stretch below64 has done. */
static int sieve_run_hybrid(SieveRun *run, uint64_t skipped, uint64_t length, uint8_t *bitmap) {
        if (!run->hybrid) {
                _cleanup_mpz_ mpz_t start;

                mpz_init(start);
                number_add_u64(start, run->position, skipped);
                run->hybrid = hybrid_new(start, run->stop_hint, run->environment.cancel);
                if (!run->hybrid)
                        return -ENOMEM;
        }
        return hybrid_next(run->hybrid, length, bitmap);
}

int sieve_run_next(SieveRun *run, uint64_t length, uint8_t *bitmap, Certainty *ret_certainty) {
        uint64_t part = sieve_run_below64_part(run, length);
        int r = 0;

        assert(length > 0 && length % 30 == 0 && length <= SIEVE_WINDOW_LENGTH_MAX);

        if (part > 0) {
                run->hybrid = hybrid_free(run->hybrid);
                r = sieve_run_below64(run, part, bitmap);
        }
        if (r >= 0 && part < length) {
                run->below64 = below64_free(run->below64);
                r = sieve_run_hybrid(run, part, length - part, bitmap + part / 30);
        }
        if (r < 0) {
                sieve_run_drop_families(run);
                return r;
        }

        number_add_u64(run->position, run->position, length);
        *ret_certainty = certainty_of(run->position);
        return 0;
}
