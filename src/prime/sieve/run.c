/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A run: the position, and the family that works there.
 *
 * Two families share the integers: below64 up to the last multiple of 30 before 2^64, hybrid from there on. A
 * stretch across the border is given to both, one after the other.
 *
 * A family that failed or was cancelled is thrown away and made again at the next call: the run has then stayed where
 * it was by construction, whatever the family had done meanwhile, also when the first part of a stretch across the
 * border had succeeded. What that costs is the preparation, once per cancellation.
 */

#include "prime/sieve/run.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"
#include "prime/grid.h"
#include "prime/number.h"
#include "prime/sieve/below64.h"
#include "prime/sieve/hybrid.h"

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

/* How many of the next `length` numbers belong to below64. */
static uint64_t sieve_run_below64_part(const SieveRun *run, uint64_t length) {
        uint64_t position;

        if (mpz_sizeinbase(run->position, 2) > 64)
                return 0;
        position = number_get_u64(run->position);
        return position < BELOW64_END ? MIN(length, BELOW64_END - position) : 0;
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

        assert(length > 0 && length % 30 == 0 && length <= GRID_BLOCK_LENGTH_MAX);

        if (part > 0)
                r = sieve_run_below64(run, part, bitmap);
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
