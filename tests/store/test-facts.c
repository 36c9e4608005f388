/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Facts of blocks: against a plain list of primes, and joined in any grouping. */

#include "store/facts.h"

#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "store/fixture.h"
#include "test.h"

/* The primes below 30·2^20 come from a sieve that knows nothing of bitmaps by wheel. */
static void test_first_block_has_the_small_primes(void) {
        static const uint8_t residues[8] = { 1, 7, 11, 13, 17, 19, 23, 29 };
        enum { N = 30 * 4096 };
        _cleanup_free_ uint8_t *composite = calloc(N, 1), *bitmap = calloc(GRID_BLOCK_BYTES_MAX, 1);
        uint64_t count = 0, twins = 0, gap = 0, gap_at = 0, last = 0, classes[8] = {};
        Facts facts;
        Grid grid;

        CHECK(composite && bitmap);
        for (uint64_t p = 2; p < N; p++) {
                if (composite[p])
                        continue;
                for (uint64_t m = p * p; m < N; m += p)
                        composite[m] = 1;
                if (p > 5)
                        bitmap[p / 30] |= (uint8_t) (1U << bitmap_residue_bit[p % 30]);
                for (size_t i = 0; i < 8; i++)
                        classes[i] += p > 5 && p % 30 == residues[i];
                twins += count > 0 && p - last == 2;
                if (count > 0 && p - last > gap) {
                        gap = p - last;
                        gap_at = last;
                }
                count++;
                last = p;
        }
        fixture_grid(&grid, "0", 1);
        CHECK(facts_of_block(&grid, 0, bitmap, &facts));
        CHECK_EQUAL(facts.count, count);
        CHECK_EQUAL(facts.n_small, 3);
        CHECK_EQUAL(facts.first.offset, 2);
        CHECK_EQUAL(facts.last.offset, last);
        CHECK_EQUAL(facts.twins, twins);
        CHECK_EQUAL(facts.gap, gap);
        CHECK_EQUAL(facts.gap_at.offset, gap_at);
        for (size_t i = 0; i < 8; i++)
                CHECK_EQUAL(facts.classes[i], classes[i]);
        grid_done(&grid);
}

static void test_smallest_jobs(void) {
        static const struct {
                unsigned from, to, count, gap, twins;
        } jobs[] = {
                { 0, 2, 0, 0, 0 }, { 0, 3, 1, 0, 0 }, { 0, 4, 2, 1, 0 }, { 2, 6, 3, 2, 1 },
                { 3, 6, 2, 2, 1 }, { 4, 6, 1, 0, 0 }, { 6, 7, 0, 0, 0 },
        };
        _cleanup_free_ uint8_t *bitmap = calloc(GRID_BLOCK_BYTES_MAX, 1);
        _cleanup_mpz_ mpz_t from, to;

        CHECK(bitmap != NULL);
        mpz_init(from);
        mpz_init(to);
        for (size_t i = 0; i < ELEMENTSOF(jobs); i++) {
                Facts facts;
                Grid grid;

                mpz_set_ui(from, jobs[i].from);
                mpz_set_ui(to, jobs[i].to);
                CHECK(grid_init(&grid, from, to, NULL) == 0);
                CHECK(facts_of_block(&grid, 0, bitmap, &facts));
                CHECK_EQUAL(facts.count, jobs[i].count);
                CHECK_EQUAL(facts.gap, jobs[i].gap);
                CHECK_EQUAL(facts.twins, jobs[i].twins);
                grid_done(&grid);
        }
}

/* (a + b) + c = a + (b + c), and empty stretches change nothing. */
static void test_joining_is_associative(void) {
        enum { N = 24 };
        Facts whole = {}, parts = {}, part = {};
        Random random;
        Grid grid;

        random_init(&random, fixture_seed());
        fixture_grid(&grid, FIXTURE_FROM, N);
        for (unsigned round = 0; round < 50; round++) {
                whole = parts = part = (Facts) {};
                for (uint64_t i = 0; i < N; i++) {
                        FixtureBlock block;
                        Facts facts;

                        fixture_block(&grid, i, &block);
                        if (random_below(&random, 3) == 0)
                                memset(block.bitmap, 0, block.n_bytes);
                        CHECK(facts_of_block(&grid, i, block.bitmap, &facts));
                        facts_join(&whole, &facts, grid.block_length);
                        facts_join(&part, &facts, grid.block_length);
                        if (random_below(&random, 3) == 0 || i == N - 1) {
                                facts_join(&parts, &part, grid.block_length);
                                part = (Facts) {};
                        }
                        fixture_block_done(&block);
                }
                CHECK(memcmp(&whole, &parts, sizeof whole) == 0);
        }
        grid_done(&grid);
}

static void test_bits_outside_of_the_job_are_noticed(void) {
        FixtureBlock block;
        Facts facts;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 3);
        fixture_block(&grid, 0, &block);
        CHECK(facts_of_block(&grid, 0, block.bitmap, &facts));
        block.bitmap[0] |= 1; /* the job begins 100 later */
        CHECK(!facts_of_block(&grid, 0, block.bitmap, &facts));
        fixture_block_done(&block);
        fixture_block(&grid, 2, &block);
        CHECK(facts_of_block(&grid, 2, block.bitmap, &facts));
        block.bitmap[block.n_bytes - 1] |= 128;
        if (block.n_bytes == grid.block_length / 30) /* else the last block's bitmap is cut, too */
                CHECK(!facts_of_block(&grid, 2, block.bitmap, &facts));
        fixture_block_done(&block);
        grid_done(&grid);
}

static void test_places_are_numbers(void) {
        const Place place = { 2, 17 };
        _cleanup_mpz_ mpz_t number, expected;
        GridBlock cell;
        Grid grid;

        mpz_init(number);
        mpz_init(expected);
        fixture_grid(&grid, FIXTURE_FROM, 5);
        grid_block(&grid, 2, expected, &cell);
        mpz_add_ui(expected, expected, 17);
        place_number(&grid, &place, number);
        CHECK(mpz_cmp(number, expected) == 0);
        grid_done(&grid);
}

int main(void) {
        RUN(test_first_block_has_the_small_primes);
        RUN(test_smallest_jobs);
        RUN(test_joining_is_associative);
        RUN(test_bits_outside_of_the_job_are_noticed);
        RUN(test_places_are_numbers);
        return tests_end();
}
