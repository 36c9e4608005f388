/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From bytes to blocks: near the size that was asked for, and the same number everywhere. */

#include "prime/number.h"
#include "store/fixture.h"
#include "store/store.h"
#include "test.h"

static uint64_t blocks(const char *from, uint64_t size, StoreKeep keep) {
        uint64_t n;
        Grid grid;

        fixture_grid(&grid, from, 0);
        n = store_segment_blocks_for(&grid, size, keep);
        grid_done(&grid);
        return n;
}

static void test_known_sizes(void) {
        /* Bytes per packed block at 10^9, 10^12 and 10^18 are about 400,000, 375,000 and 316,000. */
        CHECK_EQUAL(blocks("0", UINT64_C(128) << 20, STORE_KEEP_FULL), 256);
        CHECK_EQUAL(blocks("10^12", UINT64_C(128) << 20, STORE_KEEP_FULL), 256);
        CHECK_EQUAL(blocks("10^18", UINT64_C(128) << 20, STORE_KEEP_FULL), 384);
        CHECK_EQUAL(blocks("10^12", UINT64_C(1) << 20, STORE_KEEP_FULL), 2);
        CHECK_EQUAL(blocks("10^12", 1, STORE_KEEP_FULL), 1);
        CHECK_EQUAL(blocks("10^600", UINT64_C(1) << 40, STORE_KEEP_FULL), STORE_SEGMENT_BLOCKS_MAX);
        CHECK_EQUAL(blocks("10^12", UINT64_C(128) << 20, STORE_KEEP_DIGEST), 16384);
}

/* Of all sizes of integers none comes so close to a border that the last bit of a logarithm would matter. */
static void test_no_size_is_at_a_border(void) {
        _cleanup_mpz_ mpz_t from;

        mpz_init(from);
        for (unsigned n_bits = 1; n_bits < 4096; n_bits++) {
                uint64_t n[3];
                Grid grid;

                mpz_ui_pow_ui(from, 2, n_bits);
                CHECK(grid_init(&grid, from, NULL, NULL) == 0);
                for (int i = 0; i < 3; i++)
                        n[i] = store_segment_blocks_for(&grid, STORE_SEGMENT_SIZE_DEFAULT + (uint64_t) i - 1,
                                                        STORE_KEEP_FULL);
                CHECK(n[0] == n[1] && n[1] == n[2]);
                grid_done(&grid);
        }
}

int main(void) {
        RUN(test_known_sizes);
        RUN(test_no_size_is_at_a_border);
        return tests_end();
}
