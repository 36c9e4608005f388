/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The block grid: every number of the job in exactly one block, whatever the ends and sizes. */

#include "prime/grid.h"

#include <errno.h>

#include "base/random.h"
#include "prime/number.h"
#include "seed.h"
#include "test.h"

#define _cleanup_grid_ __attribute__((__cleanup__(grid_done)))

static void make_grid(Grid *grid, const char *from, const char *to) {
        _cleanup_mpz_ mpz_t a, b;
        Problem problem = PROBLEM_NONE;

        mpz_inits(a, b, NULL);
        CHECK(number_parse(a, from, NULL) == 0);
        CHECK(!to || number_parse(b, to, NULL) == 0);
        CHECK_EQUAL(grid_init(grid, a, to ? b : NULL, &problem), 0);
        CHECK_STRING(problem.text, "");
}

static void check_refuses(const char *from, const char *to, int error, const char *reason) {
        _cleanup_mpz_ mpz_t a, b;
        Problem problem = PROBLEM_NONE;
        Grid grid;

        mpz_inits(a, b, NULL);
        CHECK(number_parse(a, from, NULL) == 0);
        if (to && to[0] == '+') { /* beyond what number_parse() accepts */
                CHECK(number_parse(b, "2^1048575", NULL) == 0);
                mpz_mul_2exp(b, b, 1);
                mpz_add_ui(b, b, strtoul(to, NULL, 10));
        } else if (to)
                CHECK(number_parse(b, to, NULL) == 0);
        CHECK_EQUAL(grid_init(&grid, a, to ? b : NULL, &problem), error);
        CHECK(strstr(problem.text, reason) != NULL);
}

static void check_block(const Grid *grid, uint64_t sequence, const char *start, uint64_t length, uint64_t low,
                        uint64_t high) {
        _cleanup_mpz_ mpz_t got, expected;
        GridBlock block;

        mpz_inits(got, expected, NULL);
        CHECK(number_parse(expected, start, NULL) == 0);
        grid_block(grid, sequence, got, &block);
        CHECK(mpz_cmp(got, expected) == 0);
        CHECK_EQUAL(block.length, length);
        CHECK_EQUAL(block.low, low);
        CHECK_EQUAL(block.high, high);
}

static void test_block_lengths(void) {
        uint64_t before = GRID_BLOCK_LENGTH_MAX;

        CHECK_EQUAL(grid_block_length(1), GRID_BLOCK_LENGTH_MAX);
        CHECK_EQUAL(grid_block_length(64), GRID_BLOCK_LENGTH_MAX);
        CHECK(grid_block_length(65) < GRID_BLOCK_LENGTH_MAX);
        CHECK_EQUAL(grid_block_length(NUMBER_BITS_MAX), 30);
        for (size_t n_bits = 1; n_bits < 20000; n_bits++) {
                uint64_t length = grid_block_length(n_bits), k = length / 30;

                CHECK(length % 30 == 0 && k > 0 && (k & (k - 1)) == 0);
                CHECK(length <= before);
                before = length;
        }
}

/* The table belongs to the format of stores: a change must be noticed here. */
static void test_block_lengths_are_fixed(void) {
        static const struct {
                size_t n_bits;
                unsigned shift;
        } fixed[] = {
                { 65, 18 },  { 96, 18 },   { 97, 17 },  { 128, 17 }, { 129, 15 }, { 192, 15 }, { 193, 14 },
                { 256, 14 }, { 257, 12 },  { 384, 12 }, { 385, 11 }, { 512, 11 }, { 513, 10 }, { 768, 10 },
                { 769, 9 },  { 1024, 9 },  { 1025, 7 }, { 1536, 7 }, { 1537, 6 }, { 2048, 6 }, { 2049, 4 },
                { 3072, 4 }, { 3073, 3 },  { 4096, 3 }, { 4097, 1 }, { 8192, 1 }, { 8193, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(fixed); i++)
                CHECK_EQUAL(grid_block_length(fixed[i].n_bits), UINT64_C(30) << fixed[i].shift);
}

static void test_whole_cells(void) {
        _cleanup_grid_ Grid grid;

        make_grid(&grid, "0", "94371840");
        CHECK_EQUAL(grid.n_blocks, 3);
        check_block(&grid, 0, "0", GRID_BLOCK_LENGTH_MAX, 0, GRID_BLOCK_LENGTH_MAX);
        check_block(&grid, 2, "62914560", GRID_BLOCK_LENGTH_MAX, 0, GRID_BLOCK_LENGTH_MAX);
        CHECK(grid_numbers(&grid, 0, 3) == 94371840);
        CHECK(grid_numbers(&grid, 1, 2) == 31457280);
        CHECK(grid_numbers(&grid, 2, 2) == 0);
}

static void test_ends_are_cut_to_whole_bytes(void) {
        _cleanup_grid_ Grid grid;

        make_grid(&grid, "31457317", "62914591");
        CHECK_EQUAL(grid.n_blocks, 2);
        check_block(&grid, 0, "31457310", GRID_BLOCK_LENGTH_MAX - 30, 7, GRID_BLOCK_LENGTH_MAX - 30);
        check_block(&grid, 1, "62914560", 60, 0, 31);
        CHECK(grid_numbers(&grid, 0, 2) == 62914591 - 31457317);
        CHECK(grid_numbers(&grid, 0, 1) == 62914560 - 31457317);
        CHECK(grid_numbers(&grid, 1, 2) == 31);
}

static void test_one_block_with_both_ends(void) {
        _cleanup_grid_ Grid grid;

        make_grid(&grid, "2^64+13", "2^64+14");
        CHECK_EQUAL(grid.n_blocks, 1);
        CHECK_EQUAL(grid.block_length, UINT64_C(30) << 18);
        check_block(&grid, 0, "2^64-16", 30, 29, 30);
        CHECK(grid_numbers(&grid, 0, 1) == 1);
}

/* The size of `from` decides, also where the job passes into larger integers. */
static void test_length_depends_on_from_alone(void) {
        _cleanup_grid_ Grid below, above;

        make_grid(&below, "2^64-1", "2^64+10^9");
        make_grid(&above, "2^64", "2^64+10^9");
        CHECK_EQUAL(below.block_length, GRID_BLOCK_LENGTH_MAX);
        CHECK(above.block_length < GRID_BLOCK_LENGTH_MAX);
}

static void test_open_job(void) {
        _cleanup_mpz_ mpz_t number, start;
        _cleanup_grid_ Grid grid;
        uint64_t sequence;
        GridBlock block;

        mpz_inits(number, start, NULL);
        make_grid(&grid, "1000000000", NULL);
        CHECK(grid.open && grid.n_blocks == GRID_BLOCKS_MAX && mpz_sgn(grid.to) == 0);
        CHECK(number_parse(number, "2^70", NULL) == 0);
        CHECK(grid_find(&grid, number, &sequence));
        grid_block(&grid, sequence, start, &block);
        CHECK(mpz_cmp(start, number) <= 0);
        CHECK_EQUAL(block.length, GRID_BLOCK_LENGTH_MAX);
        CHECK_EQUAL(block.high, GRID_BLOCK_LENGTH_MAX);
        grid_block(&grid, GRID_BLOCKS_MAX - 1, start, &block);
        CHECK_EQUAL(block.high, GRID_BLOCK_LENGTH_MAX);
        CHECK(number_parse(number, "2^100", NULL) == 0);
        CHECK(!grid_find(&grid, number, &sequence));
}

static void test_bad_intervals_are_refused(void) {
        check_refuses("10", "10", -EINVAL, "empty");
        check_refuses("0", "0", -EINVAL, "empty");
        check_refuses("11", "10", -EINVAL, "exchange");
        check_refuses("0", "2^128", -ERANGE, "2^62 blocks");
        check_refuses("0", "2^1048576-1", -ERANGE, "2^62 blocks");
        check_refuses("2^1048576-100", "+1", -ERANGE, "beyond 2^1048576");
        check_refuses("2^1048576-1", NULL, -ERANGE, "give it an end");
}

static void test_the_limit_itself_may_be_the_end(void) {
        _cleanup_mpz_ mpz_t from, to, start;
        _cleanup_grid_ Grid grid;
        GridBlock block;

        mpz_inits(from, to, start, NULL);
        mpz_setbit(to, NUMBER_BITS_MAX);
        mpz_sub_ui(from, to, 100);
        CHECK_EQUAL(grid_init(&grid, from, to, NULL), 0);
        grid_block(&grid, grid.n_blocks - 1, start, &block);
        number_add_u64(start, start, block.high);
        CHECK(mpz_cmp(start, to) == 0);
}

static void test_exactly_as_many_blocks_as_allowed(void) {
        _cleanup_mpz_ mpz_t from, to;
        _cleanup_grid_ Grid grid;
        Grid too_many;

        mpz_inits(from, to, NULL);
        mpz_set_ui(to, 30);
        mpz_mul_2exp(to, to, 20 + 62);
        CHECK_EQUAL(grid_init(&grid, from, to, NULL), 0);
        CHECK(grid.n_blocks == GRID_BLOCKS_MAX);
        mpz_add_ui(to, to, 1);
        CHECK_EQUAL(grid_init(&too_many, from, to, NULL), -ERANGE);
}

static void test_equality(void) {
        _cleanup_grid_ Grid a, same, longer, open;

        make_grid(&a, "10", "1e9");
        make_grid(&same, "2*5", "10^9");
        make_grid(&longer, "10", "1e9+1");
        make_grid(&open, "10", NULL);
        CHECK(grid_equal(&a, &same));
        CHECK(!grid_equal(&a, &longer));
        CHECK(!grid_equal(&a, &open));
}

/* Neighbouring blocks touch, the first begins at `from`, the last ends at `to`; numbers find their blocks. */
static void check_random_grid(Random *random, gmp_randstate_t state, size_t n_bits) {
        _cleanup_mpz_ mpz_t from, to, start, x;
        _cleanup_grid_ Grid grid;
        uint64_t span = 1 + random_below(random, 5 * grid_block_length(n_bits));
        double n_numbers = 0;

        mpz_inits(from, to, start, x, NULL);
        mpz_urandomb(from, state, n_bits);
        number_add_u64(to, from, span);
        mpz_set(x, from);
        CHECK_EQUAL(grid_init(&grid, from, to, NULL), 0);

        for (uint64_t sequence = 0; sequence < grid.n_blocks; sequence++) {
                GridBlock block;
                uint64_t found;

                grid_block(&grid, sequence, start, &block);
                CHECK(mpz_divisible_ui_p(start, 30));
                CHECK(block.length % 30 == 0 && block.length > 0 && block.length <= grid.block_length);
                CHECK(block.low < block.high && block.high <= block.length);
                CHECK(block.low < 30 && block.length - block.high < 30);

                number_add_u64(start, start, block.low);
                CHECK(mpz_cmp(start, x) == 0);
                CHECK(grid_find(&grid, start, &found) && found == sequence);
                number_add_u64(x, start, block.high - block.low);
                mpz_sub_ui(start, x, 1);
                CHECK(grid_find(&grid, start, &found) && found == sequence);
                n_numbers += grid_numbers(&grid, sequence, sequence + 1);
        }
        CHECK(mpz_cmp(x, to) == 0);
        CHECK(!grid_find(&grid, to, &span));
        if (mpz_sgn(from) > 0) {
                mpz_sub_ui(x, from, 1);
                CHECK(!grid_find(&grid, x, &span));
        }
        CHECK(n_numbers == grid_numbers(&grid, 0, UINT64_MAX));
}

static void test_random_grids(void) {
        static const size_t n_bits[] = { 1, 8, 31, 32, 33, 63, 64, 65, 96, 128, 256, 1024, 4096, 100000 };
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        Random random;

        random_init(&random, seed);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (size_t i = 0; i < ELEMENTSOF(n_bits); i++)
                for (unsigned k = 0; k < 50; k++)
                        check_random_grid(&random, state, n_bits[i]);
        gmp_randclear(state);
}

int main(void) {
        RUN(test_block_lengths);
        RUN(test_block_lengths_are_fixed);
        RUN(test_whole_cells);
        RUN(test_ends_are_cut_to_whole_bytes);
        RUN(test_one_block_with_both_ends);
        RUN(test_length_depends_on_from_alone);
        RUN(test_open_job);
        RUN(test_bad_intervals_are_refused);
        RUN(test_the_limit_itself_may_be_the_end);
        RUN(test_exactly_as_many_blocks_as_allowed);
        RUN(test_equality);
        RUN(test_random_grids);
        return tests_end();
}
