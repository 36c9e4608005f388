/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Gaps, records and twins of random intervals of random stores, against a plain look at the list of what is in them. */

#include "store/reader-pairs.h"

#include <errno.h>

#include "base/macro.h"
#include "prime/number.h"
#include "store/oracle.h"
#include "test.h"

static bool is_wanted(PairKind kind, uint64_t gap, uint64_t *minimum) {
        if (kind == PAIR_TWIN)
                return gap == 2;
        if (gap < *minimum)
                return false;
        if (kind == PAIR_RECORD)
                *minimum = gap + 1;
        return true;
}

static void check_pairs(const Oracle *oracle, int64_t low, int64_t high, PairKind kind, uint64_t minimum) {
        size_t first = oracle_below(oracle, low), end = oracle_below(oracle, MAX(low, high));
        _cleanup_mpz_ mpz_t a, b;
        ReaderPairs pairs;
        ReaderPair pair;

        mpz_init(a);
        mpz_init(b);
        oracle_number(oracle, low, a);
        oracle_number(oracle, high, b);
        if (low < high && (low < 0 || high > oracle->length)) {
                CHECK_EQUAL(reader_pairs_init(&pairs, oracle->reader, a, b, kind, minimum, NULL), -ERANGE);
                return;
        }
        CHECK(reader_pairs_init(&pairs, oracle->reader, a, b, kind, minimum, NULL) == 0);
        for (size_t i = first + 1; i < end; i++) {
                uint64_t gap = (uint64_t) (oracle->primes[i] - oracle->primes[i - 1]);

                if (!is_wanted(kind, gap, &minimum))
                        continue;
                CHECK(reader_pairs_next(&pairs, &pair, NULL) == 1);
                CHECK_EQUAL(pair.gap, gap);
                place_number(&oracle->grid, &pair.lower, a);
                oracle_number(oracle, oracle->primes[i - 1], b);
                CHECK(mpz_cmp(a, b) == 0);
        }
        CHECK(reader_pairs_next(&pairs, &pair, NULL) == 0);
        CHECK(reader_pairs_next(&pairs, &pair, NULL) == 0);
        reader_pairs_done(&pairs);
}

static void ask(const Oracle *oracle, unsigned n_questions, Random *random) {
        for (unsigned i = 0; i < n_questions; i++) {
                int64_t low = oracle_pick(oracle, random), high = oracle_pick(oracle, random);
                PairKind kind = (PairKind) (i % 3);

                check_pairs(oracle, MIN(low, high), i % 50 == 0 ? low : MAX(low, high), kind,
                            kind == PAIR_RECORD ? 0 : random_below(random, UINT64_C(1) << random_below(random, 14)));
        }
}

static void test_large_integers(void) {
        oracle_try(oracle_draw, 200, ask, 150);
}

static void test_smallest_integers(void) {
        oracle_try(oracle_draw_small, 4, ask, 30);
}

int main(void) {
        RUN(test_large_integers);
        RUN(test_smallest_integers);
        return tests_end();
}
