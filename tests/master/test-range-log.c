/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lanes' blocks, mixed, become few long ranges; none is lost or told twice. */

#include "master/range-log.h"

#include "base/random.h"
#include "seed.h"
#include "test.h"

static void test_lanes_are_kept_apart(void) {
        RangeLog log = {};
        DoneRange range;

        for (unsigned i = 0; i < 50; i++)
                for (unsigned lane = 0; lane < 4; lane++)
                        CHECK(!range_log_add(&log, 1, 100 * lane + i, lane, 1000 + i, &range));
        for (unsigned lane = 0; lane < 4; lane++) {
                CHECK(range_log_pop(&log, NULL, USEC_INFINITY, &range));
                CHECK_EQUAL(range.first, 100 * lane);
                CHECK_EQUAL(range.end, 100 * lane + 50);
                CHECK_EQUAL(range.n_primes, 50 * lane);
                CHECK_EQUAL(range.begin_usec, 1000);
        }
        CHECK(!range_log_pop(&log, NULL, USEC_INFINITY, &range));
}

static void test_jobs_are_kept_apart(void) {
        const uint64_t first = 1, second = 2;
        RangeLog log = {};
        DoneRange range;

        CHECK(!range_log_add(&log, 1, 0, 10, 5, &range));
        CHECK(!range_log_add(&log, 2, 1, 20, 6, &range));
        CHECK(!range_log_pop(&log, &second, 5, &range));
        CHECK(range_log_pop(&log, &second, 6, &range) && range.first == 1 && range.n_primes == 20);
        CHECK(!range_log_pop(&log, &second, USEC_INFINITY, &range));
        CHECK(range_log_pop(&log, &first, USEC_INFINITY, &range) && range.first == 0 && range.n_primes == 10);
}

/* More lanes than slots, at random: each block is in exactly one range all the same. */
static void test_nothing_is_lost(void) {
        static uint8_t told[100000];
        RangeLog log = {};
        uint64_t next[200], n_added = 0, n_primes = 0, n_told = 0;
        DoneRange range;
        Random random;

        random_init(&random, test_seed());
        for (unsigned lane = 0; lane < 200; lane++)
                next[lane] = lane * 500;
        for (unsigned i = 0; i < 20000; i++) {
                unsigned lane = (unsigned) random_below(&random, 200);

                if (next[lane] == (lane + 1) * 500)
                        continue;
                n_added++;
                if (!range_log_add(&log, 9, next[lane]++, 3, i, &range))
                        continue;
                n_primes += range.n_primes;
                for (uint64_t b = range.first; b < range.end; b++)
                        CHECK(told[b]++ == 0 && ++n_told);
        }
        while (range_log_pop(&log, NULL, USEC_INFINITY, &range)) {
                n_primes += range.n_primes;
                for (uint64_t b = range.first; b < range.end; b++)
                        CHECK(told[b]++ == 0 && ++n_told);
        }
        CHECK_EQUAL(n_told, n_added);
        CHECK_EQUAL(n_primes, 3 * n_added);
}

int main(void) {
        RUN(test_lanes_are_kept_apart);
        RUN(test_jobs_are_kept_apart);
        RUN(test_nothing_is_lost);
        return tests_end();
}
