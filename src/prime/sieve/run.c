/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A run: the position, and the choice of the method for each window.
 *
 * There are two: the complete sieve, up to the square root of the window's end, and the hybrid, which sieves less far
 * and tests what is left. Below 2^64 both prove; beyond it the sieve proves what Baillie-PSW only makes very sure, up
 * to 2^80, where base primes end. Cost decides (cost.c): short windows at high places are tested, for the complete
 * sieve has to divide by every prime below the square root before it finds its first prime; long windows are sieved,
 * up to about 2^74 with the memory that is usual.
 *
 * Neither method keeps anything that depends on the position, so a call that was cancelled or failed leaves the run
 * where it was.
 */

#include "prime/sieve/run.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/macro.h"
#include "prime/grid.h"
#include "prime/number.h"
#include "prime/sieve/base-primes.h"
#include "prime/sieve/cost.h"
#include "prime/sieve/hybrid.h"
#include "prime/sieve/window.h"
#include "prime/test/proof128.h"

#define HYBRID_START_MIN 1e8 /* below, the complete sieve has nothing to prepare */
#define PREPARATION_SHARE 0.04
#define WINDOW_NSEC_MAX 8e9
#define HYBRID_WINDOW_NSEC 2e9
#define WINDOW_BYTES_PER_THREAD ((size_t) 4 << 20) /* where long windows gain nothing */
#define HITS_BYTES_LEAST ((size_t) 16 << 20)       /* leave so much of the memory for lists of hits */

struct SieveRun {
        mpz_t position, end, stop_hint;
        SieveEnvironment environment;
        BasePrimes *base; /* held, so that they stay from window to window */
        Window *window;
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

Certainty certainty_reachable(const mpz_t end, uint64_t depth) {
        if (certainty_of(end) == CERTAINTY_PROVED ||
            (mpz_sizeinbase(end, 2) <= 128 && proof128_reaches(number128_from(end), depth)))
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
        *run = (SieveRun) { .environment = *environment, .base = base_primes_ref() };
        mpz_init_set(run->position, start);
        mpz_init(run->end);
        mpz_init_set(run->stop_hint, stop_hint);
        if (!run->base) {
                sieve_run_free(run);
                return -ENOMEM;
        }
        *ret = run;
        return 0;
}

SieveRun *sieve_run_free(SieveRun *run) {
        if (!run)
                return NULL;
        window_free(run->window);
        hybrid_free(run->hybrid);
        base_primes_unref(run->base);
        mpz_clears(run->position, run->end, run->stop_hint, NULL);
        free(run);
        return NULL;
}

static CostPlace place_of(const mpz_t start, const SieveEnvironment *environment) {
        return (CostPlace) {
                .start = mpz_get_d(start),
                .n_bits = mpz_sizeinbase(start, 2),
                .n_threads = environment->team ? MAX(environment->team->n_threads, 1U) : 1,
        };
}

static size_t memory_of(const SieveEnvironment *environment) {
        return environment->memory_max > 0 ? environment->memory_max : SIEVE_MEMORY_DEFAULT;
}

/* The square root of the end of a window; infinite or so for those that cannot be sieved completely. */
static double root_of(const CostPlace *place, double length) {
        return place->n_bits <= 1000 ? sqrt(place->start + length) + 1 : INFINITY;
}

/* Numbers of a window that is sieved completely. */
static double complete_length(const SieveCosts *costs, const SieveEnvironment *environment, CostPlace place) {
        double memory = (double) memory_of(environment), root = root_of(&place, 0);
        double base, most, least, number, prepare, length;

        base = MIN(root, 4294967296.0) / 30;
        if (base + (double) HITS_BYTES_LEAST * 2 > memory)
                base = 0; /* streamed */
        else
                place.base_numbers = MIN(root, 4294967296.0);
        most = MAX((memory - base - (double) HITS_BYTES_LEAST) / 2, (double) (1U << 18)) * 30;
        least = (double) WINDOW_BYTES_PER_THREAD * 30 * place.n_threads;
        prepare = cost_of_sieve(costs, &place, 0, root);
        number = cost_of_sieve(costs, &place, 1, root) - prepare;
        length = fmin(prepare / (PREPARATION_SHARE * number), WINDOW_NSEC_MAX / number);
        return fmin(fmax(length, least), most);
}

/* Numbers of a window whose survivors are tested. */
static double hybrid_length(const SieveCosts *costs, const SieveEnvironment *environment, const CostPlace *place) {
        const double probe = 1e8;
        double depth = cost_best_depth(costs, place, probe, (double) WINDOW_LIMIT_MAX);
        double number = cost_of_tests(costs, place, probe, depth) / probe;

        return MIN(HYBRID_WINDOW_NSEC / number, (double) (memory_of(environment) / 4) * 30);
}

uint64_t sieve_window_length(const mpz_t start, const SieveEnvironment *environment) {
        const SieveCosts *costs = &sieve_costs_default;
        CostPlace place = place_of(start, environment);
        double complete, hybrid, root, depth, length;

        hybrid = hybrid_length(costs, environment, &place);
        length = hybrid;
        if (root_of(&place, 0) < (double) WINDOW_LIMIT_MAX) {
                complete = complete_length(costs, environment, place);
                root = root_of(&place, complete);
                depth = cost_best_depth(costs, &place, hybrid, root);
                if (place.n_bits <= 64 || environment->certainty == CERTAINTY_PROVED ||
                    cost_of_sieve(costs, &place, complete, root) / complete <
                            cost_of_tests(costs, &place, hybrid, depth) / hybrid)
                        length = complete;
        }
        return (uint64_t) CLAMP(length, 30.0, (double) SIEVE_WINDOW_LENGTH_MAX) / 30 * 30;
}

/* Returns the depth for the hybrid, or 0: sieve completely. */
static uint64_t sieve_run_choose(const SieveRun *run, uint64_t length) {
        const SieveCosts *costs = &sieve_costs_default;
        CostPlace place = place_of(run->position, &run->environment);
        double root = root_of(&place, (double) length), depth, rest = mpz_get_d(run->stop_hint) - place.start;
        bool possible = root < (double) WINDOW_LIMIT_MAX;

        if (possible && (place.start < HYBRID_START_MIN ||
                         (place.n_bits >= 64 && run->environment.certainty == CERTAINTY_PROVED)))
                return 0;
        place.base_numbers = (double) base_primes_bytes(run->base) * 30;
        /* What is made for all windows of the run is paid by all. */
        rest = MAX(rest, (double) length);
        depth = cost_best_depth(costs, &place, (double) length, MIN(root, (double) WINDOW_LIMIT_MAX));
        if (possible) {
                double fresh = MAX(root - place.base_numbers, 0.0) * (1 - (double) length / rest);

                place.base_numbers += fresh;
                if (cost_of_sieve(costs, &place, (double) length, root) <=
                    cost_of_tests(costs, &place, (double) length, depth))
                        return 0;
        }
        return (uint64_t) depth;
}

static int sieve_run_complete(SieveRun *run, uint64_t length, uint8_t *bitmap) {
        if (!run->window)
                run->window = window_new(&run->environment, &sieve_tuning_default);
        return run->window ? window_sieve(run->window, run->position, length, UINT64_MAX, bitmap) : -ENOMEM;
}

static int sieve_run_hybrid(SieveRun *run, uint64_t length, uint64_t depth, Certainty wanted, uint8_t *bitmap) {
        if (!run->hybrid)
                run->hybrid = hybrid_new(&run->environment, &sieve_tuning_default);
        return run->hybrid ? hybrid_sieve(run->hybrid, run->position, length, depth, wanted, bitmap) : -ENOMEM;
}

int sieve_run_next(SieveRun *run, uint64_t length, uint8_t *bitmap, Certainty *ret_certainty) {
        Certainty wanted;
        uint64_t depth;
        int r;

        assert(length > 0 && length % 30 == 0 && length <= SIEVE_WINDOW_LENGTH_MAX);

        number_add_u64(run->end, run->position, length);
        wanted = run->environment.certainty == CERTAINTY_PROVED ? CERTAINTY_PROVED : certainty_of(run->end);
        depth = sieve_run_choose(run, length);
        if (depth == 0) {
                run->hybrid = hybrid_free(run->hybrid);
                r = sieve_run_complete(run, length, bitmap);
        } else {
                run->window = window_free(run->window);
                r = sieve_run_hybrid(run, length, depth, wanted, bitmap);
        }
        if (r < 0)
                return r;

        mpz_swap(run->position, run->end);
        *ret_certainty = wanted; /* by the place and the job alone, whatever the method has proved besides */
        return 0;
}
