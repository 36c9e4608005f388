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

#define PROOF_TESTS_BASES 12         /* bases besides 2, or nearly so many */
#define PROOF_TESTS_PSEUDOSQUARES 74 /* primes up to 373 */
#define HYBRID_START_MIN 1e8 /* below, the complete sieve has nothing to prepare */
#define PREPARATION_SHARE 0.03
#define WINDOW_NSEC_MAX 8e9
#define PREPARATION_NSEC_MAX 15e9 /* with more, who asks for windows would have to wait too long for one */
#define HYBRID_WINDOW_NSEC 4e9
#define WINDOW_BYTES_PER_STRETCH (16 << 20) /* where long windows gain nothing */
#define HITS_BYTES_LEAST (8.0 * (1 << 20)) /* so much memory is left for lists of hits, */
#define BASE_KEPT_END 4294967296.0
#define HYBRID_PROBE 1e8
#define BITMAP_SHARE 0.65                  /* and of the rest the bitmap gets this part, the lists the other */

struct SieveRun {
        mpz_t position, end, stop_hint;
        SieveEnvironment environment;
        BasePrimes *base; /* held, so that they stay from window to window */
        Window *window;
        Hybrid *hybrid;
};

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

static const SieveCosts *costs_of(const SieveEnvironment *environment) {
        return environment->costs ? environment->costs : &sieve_costs_default;
}

static const SieveTuning *tuning_of(const SieveEnvironment *environment) {
        return environment->tuning ? environment->tuning : sieve_tuning_default();
}

/* The square root of the end of a window; infinite or so for those that cannot be sieved completely. */
static double root_of(const CostPlace *place, double length) {
        return place->n_bits <= 1000 ? sqrt(place->start + length) + 1 : INFINITY;
}

/* So much of a time of the costs' machine is `nsec` of this one. */
static double as_planned(const SieveEnvironment *environment, double nsec) {
        return environment->slowness > 0 ? nsec / environment->slowness : nsec;
}

/*
 * Numbers of a window that is sieved completely. A window that has much to prepare goes on for as long. `ret_nsec`: of
 * a number; infinite if preparing takes too long.
 */
static double complete_length(const SieveEnvironment *environment, CostPlace place, double *ret_nsec) {
        const SieveCosts *costs = costs_of(environment);
        double root = root_of(&place, 0), base = fmin(root, BASE_KEPT_END);
        double memory, most, least, number, prepare, length, window_nsec = as_planned(environment, WINDOW_NSEC_MAX);
        bool keep = window_keeps_base(memory_of(environment), (uint64_t) root);

        memory = (double) memory_of(environment) - HITS_BYTES_LEAST - (keep ? base / 30 : 0) -
                 (double) place.n_threads * (double) WINDOW_THREAD_BYTES;
        place.base_numbers = keep ? base : 0;
        most = fmax(memory * BITMAP_SHARE, (double) (1U << 18)) * 30;
        least = (double) WINDOW_BYTES_PER_STRETCH * 30 *
                (place.n_threads > 1 ? place.n_threads * WINDOW_STRETCHES_PER_THREAD : 1);
        prepare = cost_of_sieve(costs, &place, 0, root);
        number = cost_of_sieve(costs, &place, 1, root) - prepare;
        length = fmin(prepare / (PREPARATION_SHARE * number), fmax(window_nsec - prepare, prepare) / number);
        least = fmin(least, window_nsec / number);
        length = fmin(fmax(length, least), fmin(most, (double) SIEVE_WINDOW_LENGTH_MAX));
        *ret_nsec = prepare <= as_planned(environment, PREPARATION_NSEC_MAX) ? number + prepare / length : INFINITY;
        return length;
}

/* What it takes to prove the survivors of a sieve prime. */
typedef struct Proof {
        unsigned n_tests; /* of each */
        uint64_t depth;   /* of the sieve, at least; above WINDOW_LIMIT_MAX: there is no proof */
} Proof;

/* Of those below `end`, if `environment` wants it; else nothing. */
static Proof proof_of(const SieveEnvironment *environment, const mpz_t end) {
        Proof proof = {};

        if (environment->certainty != CERTAINTY_PROVED || certainty_of(end) == CERTAINTY_PROVED)
                return proof;
        proof.n_tests = PROOF_TESTS_BASES;
        if (certainty_reachable(end, 0) == CERTAINTY_PROVED)
                return proof;
        proof.n_tests = PROOF_TESTS_PSEUDOSQUARES;
        for (uint64_t bit = (uint64_t) 1 << 41; bit > 0; bit >>= 1)
                if (certainty_reachable(end, proof.depth + bit - 1) != CERTAINTY_PROVED)
                        proof.depth += bit;
        return proof;
}

/* Numbers of a window whose survivors are tested. The same holds for one that has much to prepare. */
static double hybrid_length(const SieveEnvironment *environment, const CostPlace *place, const Proof *proof,
                            double *ret_nsec) {
        const SieveCosts *costs = costs_of(environment);
        double length = HYBRID_PROBE, window_nsec = as_planned(environment, HYBRID_WINDOW_NSEC);

        for (unsigned i = 0; i < 2; i++) {
                double depth, prepare, number;

                depth = fmax(cost_best_depth(costs, place, length, (double) WINDOW_LIMIT_MAX), (double) proof->depth);
                prepare = cost_of_sieve(costs, place, 0, depth);
                number = cost_of_tests(costs, place, 1, depth) - prepare +
                         cost_of_proofs(costs, place, 1, proof->n_tests);
                length = fmin(fmax(window_nsec - prepare, prepare) / number,
                              (double) (memory_of(environment) / 4) * 30);
                *ret_nsec = number + prepare / length;
        }
        return length;
}

uint64_t sieve_window_length(const mpz_t start, const SieveEnvironment *environment) {
        CostPlace place = place_of(start, environment);
        Proof proof = proof_of(environment, start);
        double hybrid_nsec, complete_nsec, length = hybrid_length(environment, &place, &proof, &hybrid_nsec);

        if (root_of(&place, (double) SIEVE_WINDOW_LENGTH_MAX) < (double) WINDOW_LIMIT_MAX) {
                double complete = complete_length(environment, place, &complete_nsec);

                if (place.n_bits <= 64 || complete_nsec < hybrid_nsec || proof.depth > WINDOW_LIMIT_MAX)
                        length = complete;
        }
        return (uint64_t) fmin(fmax(length, 30), (double) SIEVE_WINDOW_LENGTH_MAX) / 30 * 30;
}

/* Of the window from run->position to run->end. Returns the depth for the hybrid, or 0: sieve completely. */
static uint64_t sieve_run_choose(const SieveRun *run, uint64_t length) {
        const SieveCosts *costs = costs_of(&run->environment);
        CostPlace place = place_of(run->position, &run->environment);
        double root = root_of(&place, (double) length), depth;
        Proof proof = proof_of(&run->environment, run->end);

        place.base_numbers = (double) base_primes_bytes(run->base) * 30;
        depth = fmax(cost_best_depth(costs, &place, (double) length, fmin(root, (double) WINDOW_LIMIT_MAX)),
                     (double) proof.depth);
        if (root < (double) WINDOW_LIMIT_MAX) {
                double rest = fmax(mpz_get_d(run->stop_hint) - place.start, (double) length);
                double base = fmin(root, BASE_KEPT_END);

                /* Base primes that are kept are paid by all windows of the run. */
                if (window_keeps_base(memory_of(&run->environment), (uint64_t) root) && base > place.base_numbers)
                        place.base_numbers += (base - place.base_numbers) * (1 - (double) length / rest);
                if (place.start < HYBRID_START_MIN || proof.depth > WINDOW_LIMIT_MAX ||
                    cost_of_sieve(costs, &place, (double) length, root) <=
                            cost_of_tests(costs, &place, (double) length, depth) +
                                    cost_of_proofs(costs, &place, (double) length, proof.n_tests))
                        return 0;
        }
        return (uint64_t) fmin(depth, (double) WINDOW_LIMIT_MAX);
}

double sieve_run_predict(SieveRun *run, uint64_t length) {
        const SieveCosts *costs = costs_of(&run->environment);
        CostPlace place = place_of(run->position, &run->environment);
        uint64_t depth;

        number_add_u64(run->end, run->position, length);
        depth = sieve_run_choose(run, length);
        place.base_numbers = (double) base_primes_bytes(run->base) * 30;
        if (depth == 0)
                return cost_of_sieve(costs, &place, (double) length, root_of(&place, (double) length));
        return cost_of_tests(costs, &place, (double) length, (double) depth);
}

static int sieve_run_complete(SieveRun *run, uint64_t length, uint8_t *bitmap) {
        if (!run->window)
                run->window = window_new(&run->environment, tuning_of(&run->environment));
        return run->window ? window_sieve(run->window, run->position, length, UINT64_MAX, bitmap) : -ENOMEM;
}

static int sieve_run_hybrid(SieveRun *run, uint64_t length, uint64_t depth, Certainty wanted, uint8_t *bitmap) {
        if (!run->hybrid)
                run->hybrid = hybrid_new(&run->environment, tuning_of(&run->environment));
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
