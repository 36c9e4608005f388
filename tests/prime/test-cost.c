/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The model of costs: sane everywhere, and longer runs where the start is dearer. */

#include "prime/sieve/cost.h"

#include "prime/grid.h"
#include "prime/number.h"
#include "test.h"

static uint64_t blocks_at(const char *word) {
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        CHECK_EQUAL(number_parse(start, word, NULL), 0);
        return sieve_run_blocks(start, grid_block_length(mpz_sizeinbase(start, 2)));
}

static void test_a_run_has_a_block(void) {
        CHECK_EQUAL(blocks_at("0"), 1);
        CHECK_EQUAL(blocks_at("1"), 1);
        CHECK_EQUAL(blocks_at("10^9"), 1);
        CHECK_EQUAL(blocks_at("2^64"), 1);
        CHECK_EQUAL(blocks_at("2^1048575"), 1);
}

static void test_runs_grow_with_the_position(void) {
        uint64_t before = 1;
        char word[16];

        for (unsigned k = 1; k < 64; k++) {
                uint64_t blocks;

                (void) snprintf(word, sizeof word, "2^%u", k);
                blocks = blocks_at(word);
                CHECK(blocks >= before && blocks <= SIEVE_RUN_BLOCKS_MAX);
                before = blocks;
        }
        CHECK(before > 100);
}

/* The start at 10^18 takes about 0.5 s, a block 30 ms. */
static void test_start_is_a_twentieth(void) {
        CHECK(blocks_at("10^18") >= 200 && blocks_at("10^18") <= 500);
}

static void test_smaller_blocks_make_more_of_them(void) {
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        CHECK_EQUAL(number_parse(start, "10^16", NULL), 0);
        CHECK(sieve_run_blocks(start, GRID_BLOCK_LENGTH_MAX / 4) > sieve_run_blocks(start, GRID_BLOCK_LENGTH_MAX));
        CHECK_EQUAL(sieve_run_blocks(start, 30), SIEVE_RUN_BLOCKS_MAX);
}

int main(void) {
        RUN(test_a_run_has_a_block);
        RUN(test_runs_grow_with_the_position);
        RUN(test_start_is_a_twentieth);
        RUN(test_smaller_blocks_make_more_of_them);
        return tests_end();
}
