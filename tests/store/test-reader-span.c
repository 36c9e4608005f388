/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Facts of random intervals of random stores, against a plain look at the list of what is in them. */

#include "store/reader-span.h"

#include <errno.h>

#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "store/fixture.h"
#include "store/oracle.h"
#include "test.h"

static void check_facts(const Oracle *oracle, int64_t low, int64_t high, const Facts *facts) {
        size_t first = oracle_below(oracle, low), end = oracle_below(oracle, high);
        uint64_t classes[8] = {}, twins = 0, gap = 0, n_small = 0;
        _cleanup_mpz_ mpz_t number, expected;
        int64_t gap_at = 0;

        mpz_init(number);
        mpz_init(expected);
        for (size_t i = first; i < end; i++) {
                uint8_t bit;

                oracle_number(oracle, oracle->primes[i], expected);
                bit = bitmap_residue_bit[mpz_fdiv_ui(expected, 30)];
                if (bit < 8)
                        classes[bit]++;
                else
                        n_small++;
                if (i == first)
                        continue;

                uint64_t here = (uint64_t) (oracle->primes[i] - oracle->primes[i - 1]);

                twins += here == 2;
                if (here > gap) {
                        gap = here;
                        gap_at = oracle->primes[i - 1];
                }
        }
        CHECK_EQUAL(facts->count, end - first);
        CHECK_EQUAL(facts->n_small, n_small);
        CHECK_EQUAL(facts->twins, twins);
        CHECK_EQUAL(facts->gap, gap);
        CHECK(memcmp(facts->classes, classes, sizeof classes) == 0);
        if (end == first)
                return;
        place_number(&oracle->grid, &facts->first, number);
        oracle_number(oracle, oracle->primes[first], expected);
        CHECK(mpz_cmp(number, expected) == 0);
        place_number(&oracle->grid, &facts->last, number);
        oracle_number(oracle, oracle->primes[end - 1], expected);
        CHECK(mpz_cmp(number, expected) == 0);
        if (gap > 0) {
                place_number(&oracle->grid, &facts->gap_at, number);
                oracle_number(oracle, gap_at, expected);
                CHECK(mpz_cmp(number, expected) == 0);
        }
}

static void ask(const Oracle *oracle, unsigned n_questions, Random *random) {
        _cleanup_mpz_ mpz_t a, b;

        mpz_init(a);
        mpz_init(b);
        for (unsigned i = 0; i < n_questions; i++) {
                int64_t low = oracle_pick(oracle, random), high = oracle_pick(oracle, random);
                Problem problem = PROBLEM_NONE;
                Facts facts;
                int r;

                if (low > high && i % 8 != 0) {
                        int64_t swapped = low;

                        low = high;
                        high = swapped;
                }
                oracle_number(oracle, low, a);
                oracle_number(oracle, high, b);
                r = reader_interval_facts(oracle->reader, a, b, &facts, &problem);
                if (low < high && (low < 0 || high > oracle->length)) {
                        CHECK_EQUAL(r, -ERANGE);
                        CHECK(strstr(problem.text, "covers") != NULL);
                } else {
                        CHECK_EQUAL(r, 0);
                        check_facts(oracle, low, MAX(low, high), &facts);
                }
        }
}

static void test_large_integers(void) {
        oracle_try(oracle_draw, 200, ask, 150);
}

static void test_smallest_integers(void) {
        oracle_try(oracle_draw_small, 4, ask, 30);
}

/* A whole store in as many spans as it has segments; each split into its blocks. */
static void test_segments_are_taken_whole(void) {
        const char *folder = fixture_folder();
        _cleanup_mpz_ mpz_t end;
        uint64_t next = 0;
        ReaderSpans spans;
        ReaderSpan span;
        Reader *reader;
        Grid grid;

        mpz_init(end);
        fixture_set_sparse(3);
        fixture_grid(&grid, FIXTURE_FROM, 20);
        fixture_store(folder, &grid, 4, 18);
        CHECK(reader_open(folder, &reader, NULL) == 0);
        reader_coverage(reader, end);
        CHECK(reader_spans_init(&spans, reader, grid.from, end, NULL) == 0);
        for (unsigned i = 0; i < 5; i++) {
                CHECK(reader_spans_next(&spans, &span, NULL) == 1);
                CHECK_EQUAL(span.first_block, next);
                CHECK_EQUAL(span.n_blocks, i < 4 ? 4 : 2);
                next += span.n_blocks;
                if (i % 2 == 1)
                        continue;
                reader_spans_split(&spans, &span);
                for (uint64_t k = span.first_block; k < next; k++) {
                        const uint8_t *bitmap;
                        FixtureBlock block;

                        CHECK(reader_spans_next(&spans, &span, NULL) == 1);
                        CHECK(span.first_block == k && span.n_blocks == 1);
                        CHECK(reader_spans_bitmap(&spans, &span, &bitmap, NULL) == 0);
                        fixture_block(&grid, k, &block);
                        CHECK(memcmp(bitmap, block.bitmap, block.n_bytes) == 0);
                        fixture_block_done(&block);
                }
        }
        CHECK(reader_spans_next(&spans, &span, NULL) == 0);
        reader_spans_done(&spans);
        reader_close(reader);
        grid_done(&grid);
}

int main(void) {
        RUN(test_large_integers);
        RUN(test_smallest_integers);
        RUN(test_segments_are_taken_whole);
        return tests_end();
}
