/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A model of costs in nanoseconds of one core of 2023 (Zen 4 at 3.7 GHz). Mostly the ratio of two costs matters, and
 * that differs less between machines than the costs.
 *
 * A window of W numbers, sieved by the primes up to B, costs
 *
 *         W · (number + mark · marks + hit · hits) + pi(B) · prime + B · base,
 *
 * the last only where the base primes must be made. The primes from x to y have 8/30 · (ln ln y - ln ln x) multiples
 * per number that are prime to 30: that is Mertens' second theorem (F. Mertens, "Ein Beitrag zur analytischen
 * Zahlentheorie", 1874), and his third says that 0.5615 / ln B (e^-gamma) of all numbers have no prime factor up to B.
 *
 * Where what is left is tested, primes near p remove 0.5615 / (p·ln p) of all numbers from those that need a test to
 * base 2, which costs T. One such prime is worth while as long as
 *
 *         W · 0.5615 · T / (p · ln p)  >  prime + base · ln p + hit · 0.267 · W / p,
 *
 * which gives the best depth (kept flat: constants that are wrong by a factor of two cost a few percent).
 */

#include "prime/sieve/cost.h"

#include <math.h>

#include "base/macro.h"

#define RESIDUES (8.0 / 30)
#define MERTENS 0.5615 /* e^-gamma */
#define DEPTH_MIN 1000.0
#define START_SHARE 0.05

const SieveCosts sieve_costs_default = {
        .number_nsec = 0.055,
        .mark_nsec = 1.1,
        .hit_nsec = 3.1,
        .base_nsec = 0.13,
        .prime_nsec = 5,
        .prime_word_nsec = 1.2,
        .test_nsec = { 110, 280, 360, 480, 600 },
        .power_nsec = { 2, 2, 1 },
};

/* Multiples per number by the primes from `from` to `to`. */
static double multiples(double from, double to) {
        return to > from ? RESIDUES * (log(log(to)) - log(log(from))) : 0;
}

static double n_primes(double limit) {
        return limit > 10 ? limit / (log(limit) - 1) : 4;
}

static double n_words(const CostPlace *place) {
        return place->n_bits > 65 ? ceil(((double) place->n_bits - 65) / 32) : 0;
}

static double prime_nsec(const SieveCosts *costs, const CostPlace *place) {
        return costs->prime_nsec + costs->prime_word_nsec * n_words(place);
}

double cost_of_sieve(const SieveCosts *costs, const CostPlace *place, double length, double limit) {
        double numbers, primes, fresh = MAX(limit - place->base_numbers, 0.0);

        numbers = costs->number_nsec + costs->mark_nsec * multiples(COST_MEDIUM_FROM, MIN(limit, COST_BIG_FROM)) +
                  costs->hit_nsec * multiples(COST_BIG_FROM, limit);
        primes = n_primes(limit) * prime_nsec(costs, place) + fresh * costs->base_nsec;
        return (length * numbers + primes) / place->n_threads;
}

/* A strong test to base 2. */
static double test_nsec(const SieveCosts *costs, size_t n_bits) {
        const size_t n = ELEMENTSOF(costs->test_nsec);
        double bits = (double) n_bits, limbs = ceil(bits / 64);

        if (n_bits <= 64)
                return costs->test_nsec[0];
        if (n_bits <= 80) /* two words, as at 80 bits, and fewer steps */
                return costs->test_nsec[1] * bits / 80;
        if (n_bits <= 128) {
                size_t i = MIN((n_bits - 64) / 16, n - 2);
                double part = (bits - 64) / 16 - (double) i;

                return costs->test_nsec[i] + part * (costs->test_nsec[i + 1] - costs->test_nsec[i]);
        }
        return bits * (costs->power_nsec[0] + costs->power_nsec[1] * limbs + costs->power_nsec[2] * limbs * limbs);
}

double cost_best_depth(const SieveCosts *costs, const CostPlace *place, double length, double limit_max) {
        double test = test_nsec(costs, place->n_bits), prime = prime_nsec(costs, place), depth = 1e9;

        for (unsigned i = 0; i < 6; i++) {
                double base = depth > place->base_numbers ? costs->base_nsec * log(depth) : 0;

                depth = length * (MERTENS * test / log(depth) - RESIDUES * costs->hit_nsec) / (prime + base);
                depth = MAX(depth, DEPTH_MIN);
        }
        return MIN(depth, limit_max);
}

/* Primes among the numbers there. */
static double density(const CostPlace *place) {
        return 1 / ((double) place->n_bits * log(2.0));
}

double cost_of_tests(const SieveCosts *costs, const CostPlace *place, double length, double limit) {
        double survivors = MERTENS / log(MAX(limit, DEPTH_MIN));

        /* The rest of Baillie-PSW costs one and a half tests more for each prime. */
        return cost_of_sieve(costs, place, length, limit) +
               length * (survivors + 1.5 * density(place)) * test_nsec(costs, place->n_bits) / place->n_threads;
}

double cost_of_proofs(const SieveCosts *costs, const CostPlace *place, double length, unsigned n_tests) {
        return length * density(place) * n_tests * test_nsec(costs, place->n_bits) / place->n_threads;
}

uint64_t sieve_run_blocks(const mpz_t start, uint64_t block_length) {
        const SieveCosts *costs = &sieve_costs_default;
        double n, root, blocks, work, total;
        CostPlace place = { .n_threads = 1 };

        if (mpz_sizeinbase(start, 2) > 64)
                return 1;
        n = MAX(mpz_get_d(start), 1e9);
        root = sqrt(n);
        place.base_numbers = root;
        total = cost_of_sieve(costs, &place, (double) block_length, root);
        work = total - n_primes(root) * costs->prime_nsec;
        blocks = ceil((total - work) / (START_SHARE * work));
        return (uint64_t) CLAMP(blocks, 1.0, (double) SIEVE_RUN_BLOCKS_MAX);
}
