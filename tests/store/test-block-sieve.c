/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Blocks computed on the spot are those of any other sieve, in whatever order they are asked for. */

#include "store/block-sieve.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/sieve/run.h"
#include "store/facts.h"
#include "store/fixture.h"
#include "test.h"

/* By a sieve of its own for this block. */
static void compute_alone(const Grid *grid, uint64_t sequence, uint8_t *bitmap) {
        _cleanup_(sieve_run_freep) SieveRun *run = NULL;
        _cleanup_mpz_ mpz_t start, stop;
        Certainty certainty;
        GridBlock block;

        mpz_init(start);
        mpz_init(stop);
        grid_block(grid, sequence, start, &block);
        number_add_u64(stop, start, block.length);
        CHECK(sieve_run_new(start, stop, &(SieveEnvironment) {}, &run) == 0);
        CHECK(sieve_run_next(run, block.length, bitmap, &certainty) == 0);
        bitmap_clip(bitmap, (size_t) (block.length / 30), block.low, block.high);
}

static void check_order(const Grid *grid, const uint64_t *order, size_t n, uint64_t end) {
        _cleanup_(block_sieve_freep) BlockSieve *sieve = block_sieve_new(grid);
        _cleanup_free_ uint8_t *bitmap = malloc((size_t) grid->block_length / 30);
        _cleanup_free_ uint8_t *alone = malloc((size_t) grid->block_length / 30);
        BlockShape shape;

        CHECK(sieve && bitmap && alone);
        for (size_t i = 0; i < n; i++) {
                compute_alone(grid, order[i], alone);
                CHECK(block_sieve_compute(sieve, order[i], end, bitmap) == 0);
                block_shape(grid, order[i], &shape);
                CHECK(memcmp(bitmap, alone, shape.n_bytes) == 0);
        }
}

static void test_any_order(void) {
        static const uint64_t orders[][4] = { { 0, 1, 2, 3 }, { 3, 0, 0, 2 } };
        Grid grid;

        fixture_grid(&grid, "10^300+17", 4);
        check_order(&grid, orders[0], 4, 4);
        check_order(&grid, orders[0], 4, 2); /* more than was to be expected */
        check_order(&grid, orders[1], 4, 0);
        grid_done(&grid);
        fixture_grid(&grid, "100", 2);
        check_order(&grid, orders[0], 2, 2);
        grid_done(&grid);
}

int main(void) {
        RUN(test_any_order);
        return tests_end();
}
