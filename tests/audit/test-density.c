/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The integral against known values, and no honest stretch is ever called implausible. */

#include "audit/density.h"

#include <math.h>

#include "audit/claimed.h"
#include "base/random.h"
#include "seed.h"

static double expected(const char *start_word, uint64_t low, uint64_t high) {
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        CHECK(number_parse(start, start_word, NULL) >= 0);
        return density_expected(start, low, high);
}

static void check_near(double a, double b, double part) {
        if (fabs(a - b) > part * b)
                printf("# %.6f is not %.6f\n", a, b);
        CHECK(fabs(a - b) <= part * b);
}

/* li(x) - li(2), OEIS A057752 and tables of pi(x). */
static void test_known_integrals(void) {
        check_near(expected("0", 0, 1000), 176.56, 1e-4);
        check_near(expected("0", 0, 1000000), 78626.50, 1e-6);
        check_near(expected("0", 2, 1000000000), 50849233.91, 1e-7);
        check_near(expected("30", 0, 1000000 - 30), 78626.50 - 11.46, 1e-4);
        CHECK(expected("0", 0, 2) == 0 && expected("0", 0, 0) == 0);
}

static void test_far_out(void) {
        check_near(expected("10^15", 0, 31457280), 31457280 / 34.538776, 1e-5);
        check_near(expected("2^64", 0, 1000000), 1000000 / 44.361419, 1e-6);
        check_near(expected("2^800", 0, 1000000), 1000000 / (800 * M_LN2), 1e-9);
        check_near(expected("2^1000000", 0, 3000), 3000 / (1e6 * M_LN2), 1e-9);
}

/* Both ways to compute it meet where one takes over from the other. */
static void test_the_two_ways_agree(void) {
        double a = expected("31457280000", 0, 31457279), b = expected("31457280000", 0, 31457281);

        CHECK(b > a && b - a < 1);
}

/* Whole blocks and short stretches, near 0 and far out; the counts are the sieve's. */
static void test_the_truth_is_plausible(void) {
        static const char *const places[] = { "0", "10^6", "10^9", "10^12", "10^15", "2^64", "2^90" };
        Random random;

        random_init(&random, test_seed());
        for (unsigned i = 0; i < 84; i++) {
                uint64_t length = UINT64_C(1) << random_below(&random, 17);
                _cleanup_mpz_ mpz_t start;
                GridBlock block;
                Sample *sample;
                char from[64];

                (void) snprintf(from, sizeof from, "%s+%" PRIu64, places[i % ELEMENTSOF(places)],
                                random_below(&random, 1000000));
                sample = sample_new(from, length, 0);
                mpz_init(start);
                grid_block(&sample->grid, 0, start, &block);
                CHECK(density_is_plausible(start, block.low, block.high, sample->claim.count));
                CHECK(!density_is_plausible(start, block.low, block.high, sample->claim.count + length / 2 + 60));
                sample_free(sample);
        }
}

/* One part in a hundred of a block left out, or put in, shows. */
static void test_a_hundredth_shows(void) {
        Sample *sample = sample_new("10^15", 2 * GRID_BLOCK_LENGTH_MAX, 1);
        uint64_t count = sample->claim.count;
        _cleanup_mpz_ mpz_t start;
        GridBlock block;

        mpz_init(start);
        grid_block(&sample->grid, 1, start, &block);
        CHECK_EQUAL(block.high, GRID_BLOCK_LENGTH_MAX);
        CHECK(density_is_plausible(start, block.low, block.high, count));
        CHECK(!density_is_plausible(start, block.low, block.high, count * 99 / 100));
        CHECK(!density_is_plausible(start, block.low, block.high, count * 101 / 100));
        CHECK(!density_is_plausible(start, block.low, block.high, 0));
        sample_free(sample);
}

int main(void) {
        RUN(test_known_integrals);
        RUN(test_far_out);
        RUN(test_the_two_ways_agree);
        RUN(test_the_truth_is_plausible);
        RUN(test_a_hundredth_shows);
        return tests_end();
}
