/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a store was sure of, a job that goes on with it is. */

#include "store/store-certainty.h"

#include <errno.h>

#include "store/fixture.h"
#include "test.h"

#define SEGMENT_BLOCKS 4

/* Blocks [first, end) of the job, which say that they are so sure. */
static void put_blocks(const char *path, const Grid *grid, uint64_t first, uint64_t end, Certainty certainty) {
        Store *store = fixture_open(path, grid, SEGMENT_BLOCKS);
        Problem problem = PROBLEM_NONE;

        for (uint64_t i = first; i < end; i++) {
                FixtureBlock block;

                fixture_block(grid, i, &block);
                block.block.certainty = certainty;
                CHECK(store_put(store, &block.block, &problem) >= 0);
                fixture_block_done(&block);
        }
        CHECK(store_commit(store, NULL, NULL) >= 0);
        store_close(store);
}

static Certainty certainty_of_store(const char *path) {
        Certainty certainty = _CERTAINTY_MAX;

        CHECK_EQUAL(store_certainty(path, &certainty, NULL), 0);
        return certainty;
}

static int settle(const char *path, Certainty asked, Certainty *ret) {
        Problem problem = PROBLEM_NONE;
        int r;

        *ret = _CERTAINTY_MAX;
        r = store_settle_certainty(path, asked, ret, &problem);
        CHECK_EQUAL(problem.text[0] != '\0', r < 0);
        return r;
}

static void test_no_store(void) {
        Certainty certainty;
        char path[4096];

        (void) snprintf(path, sizeof path, "%s/none", fixture_folder());
        CHECK_EQUAL(certainty_of_store(path), 0);
        for (Certainty asked = 0; asked < _CERTAINTY_MAX; asked++) {
                CHECK_EQUAL(settle(path, asked, &certainty), 0);
                CHECK_EQUAL(certainty, asked);
        }
}

static void test_proved_stays_proved(void) {
        const char *path = fixture_folder();
        Certainty certainty;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 20);
        put_blocks(path, &grid, 0, 6, CERTAINTY_PROVED);
        CHECK_EQUAL(certainty_of_store(path), CERTAINTY_PROVED);
        CHECK_EQUAL(settle(path, 0, &certainty), 0);
        CHECK_EQUAL(certainty, CERTAINTY_PROVED);
        CHECK_EQUAL(settle(path, CERTAINTY_PROVED, &certainty), 0);
        CHECK_EQUAL(certainty, CERTAINTY_PROVED);
        /* less is enough for somebody who says so */
        CHECK_EQUAL(settle(path, CERTAINTY_BPSW, &certainty), 0);
        CHECK_EQUAL(certainty, CERTAINTY_BPSW);
        grid_done(&grid);
}

static void test_what_is_not_proved_is_not_mixed_with_proofs(void) {
        const char *path = fixture_folder();
        Certainty certainty;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 20);
        put_blocks(path, &grid, 0, 6, CERTAINTY_PROVED);
        put_blocks(path, &grid, 6, 7, CERTAINTY_BPSW);
        CHECK_EQUAL(certainty_of_store(path), CERTAINTY_BPSW);
        CHECK_EQUAL(settle(path, 0, &certainty), 0);
        CHECK_EQUAL(certainty, 0);
        CHECK_EQUAL(settle(path, CERTAINTY_PROVED, &certainty), -ERANGE);
        grid_done(&grid);
}

/* Below 2^64 all is proved, which says nothing about what was asked for. */
static void test_below_it_does_not_matter(void) {
        const char *path = fixture_folder();
        Certainty certainty;
        Grid grid;

        fixture_grid(&grid, "0", 3);
        put_blocks(path, &grid, 0, 2, CERTAINTY_PROVED);
        CHECK_EQUAL(certainty_of_store(path), 0);
        CHECK_EQUAL(settle(path, CERTAINTY_PROVED, &certainty), 0);
        CHECK_EQUAL(certainty, CERTAINTY_PROVED);
        grid_done(&grid);
}

int main(void) {
        RUN(test_no_store);
        RUN(test_proved_stays_proved);
        RUN(test_what_is_not_proved_is_not_mixed_with_proofs);
        RUN(test_below_it_does_not_matter);
        return tests_end();
}
