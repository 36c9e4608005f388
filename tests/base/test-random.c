/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The generator: equal everywhere, uniform, and within its bounds. */

#include "base/random.h"

#include "seed.h"
#include "test.h"

#define N_DRAWS 100000
#define N_BINS 10

/* SplitMix64 of 0 is e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f, f88bb8a8724c81ec (its reference code). */
static void test_seeding_is_splitmix(void) {
        Random random;

        random_init(&random, 0);
        CHECK(random.state[0] == UINT64_C(0xe220a8397b1dcdaf));
        CHECK(random.state[1] == UINT64_C(0x6e789e6aa1b965f4));
        CHECK(random.state[2] == UINT64_C(0x06c45d188009454f));
        CHECK(random.state[3] == UINT64_C(0xf88bb8a8724c81ec));
}

/* xoshiro256** from the state 1, 2, 3, 4, as its reference code gives it. */
static void test_known_sequence(void) {
        static const uint64_t sequence[] = {
                UINT64_C(11520), UINT64_C(0), UINT64_C(1509978240), UINT64_C(1215971899390074240),
        };
        Random random = { .state = { 1, 2, 3, 4 } };

        for (size_t i = 0; i < 4; i++)
                CHECK(random_u64(&random) == sequence[i]);
}

static void test_equal_seeds_equal_sequences(void) {
        uint64_t seed = test_seed();
        Random a, b, c;
        unsigned n_equal = 0;

        random_init(&a, seed);
        random_init(&b, seed);
        random_init(&c, seed + 1);
        for (int i = 0; i < 1000; i++) {
                uint64_t value = random_u64(&a);

                CHECK(random_u64(&b) == value);
                n_equal += random_u64(&c) == value;
        }
        CHECK(n_equal == 0);
}

/* A fixed seed: a bound of six standard deviations may never fail by chance. */
static void test_below_is_uniform(void) {
        unsigned bins[N_BINS] = {};
        Random random;

        random_init(&random, 1);
        for (int i = 0; i < N_DRAWS; i++) {
                uint64_t value = random_below(&random, N_BINS);

                CHECK(value < N_BINS);
                bins[value]++;
        }
        for (int i = 0; i < N_BINS; i++)
                CHECK(bins[i] > N_DRAWS / N_BINS - 600 && bins[i] < N_DRAWS / N_BINS + 600);
}

static void test_below_at_the_edges(void) {
        uint64_t bound = (UINT64_C(1) << 63) + 1;
        unsigned n_high = 0;
        Random random;

        random_init(&random, 2);
        CHECK(random_below(&random, 0) == 0);
        for (int i = 0; i < 1000; i++) {
                uint64_t value = random_below(&random, bound);

                CHECK(random_below(&random, 1) == 0);
                CHECK(value < bound);
                n_high += value > bound / 2;
        }
        CHECK(n_high > 400 && n_high < 600);
}

static void test_unit_is_below_one(void) {
        double sum = 0;
        Random random;

        random_init(&random, 3);
        for (int i = 0; i < N_DRAWS; i++) {
                double value = random_unit(&random);

                CHECK(value >= 0 && value < 1);
                sum += value;
        }
        CHECK(sum > 0.49 * N_DRAWS && sum < 0.51 * N_DRAWS);
}

int main(void) {
        RUN(test_seeding_is_splitmix);
        RUN(test_known_sequence);
        RUN(test_equal_seeds_equal_sequences);
        RUN(test_below_is_uniform);
        RUN(test_below_at_the_edges);
        RUN(test_unit_is_below_one);
        return tests_end();
}
