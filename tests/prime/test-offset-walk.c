/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists of a bitmap's numbers, in both directions and with any room, against the walk from bit to bit. */

#include "prime/offset-walk.h"

#include "base/random.h"
#include "prime/bitmap.h"
#include "seed.h"
#include "test.h"

#define BYTES_MAX 300

/* Density in eighths: from empty to full. */
static void draw(Random *random, uint8_t *bitmap, size_t n_bytes, unsigned density) {
        for (size_t i = 0; i < n_bytes; i++) {
                bitmap[i] = 0;
                for (unsigned bit = 0; bit < 8; bit++)
                        bitmap[i] |= (uint8_t) ((random_below(random, 8) < density) << bit);
        }
}

static void check_walk(const uint8_t *bitmap, size_t n_bytes, size_t n_max, bool reverse) {
        uint32_t list[BYTES_MAX * 8], expected[BYTES_MAX * 8];
        size_t n_expected = 0, done = 0, n;
        OffsetWalk walk;
        BitmapWalk bits;

        bitmap_walk_init(&bits, bitmap, n_bytes);
        for (uint64_t offset; bitmap_walk_next(&bits, &offset);)
                expected[n_expected++] = (uint32_t) offset;
        offset_walk_init(&walk, bitmap, n_bytes, reverse);
        while ((n = offset_walk_next(&walk, list, n_max)) > 0) {
                CHECK(n <= n_max && done + n <= n_expected);
                for (size_t i = 0; i < n; i++, done++)
                        CHECK_EQUAL(list[i], expected[reverse ? n_expected - 1 - done : done]);
        }
        CHECK_EQUAL(done, n_expected);
        CHECK_EQUAL(offset_walk_next(&walk, list, n_max), 0);
}

static void test_lists_are_the_walk(void) {
        uint8_t bitmap[BYTES_MAX];
        Random random;

        random_init(&random, test_seed());
        for (unsigned i = 0; i < 3000; i++) {
                size_t n_bytes = (size_t) random_below(&random, i % 2 ? 20 : BYTES_MAX + 1);
                size_t n_max = OFFSET_WALK_MIN + (size_t) random_below(&random, 200);

                draw(&random, bitmap, n_bytes, i % 9);
                check_walk(bitmap, n_bytes, n_max, false);
                check_walk(bitmap, n_bytes, n_max, true);
        }
}

/* A bit at either end of much emptiness. */
static void test_sparse(void) {
        uint8_t bitmap[BYTES_MAX] = { 1 };

        for (size_t n_bytes = 1; n_bytes <= BYTES_MAX; n_bytes++) {
                bitmap[n_bytes - 1] |= 0x80;
                check_walk(bitmap, n_bytes, OFFSET_WALK_MIN, false);
                check_walk(bitmap, n_bytes, OFFSET_WALK_MIN, true);
                bitmap[n_bytes - 1] &= 0x7f;
        }
}

/* The largest block: offsets up to 31 million. */
static void test_last_of_the_largest_block(void) {
        uint8_t *bitmap = calloc(GRID_BLOCK_BYTES_MAX, 1);
        uint32_t list[OFFSET_WALK_MIN];
        OffsetWalk walk;

        CHECK(bitmap != NULL);
        bitmap[GRID_BLOCK_BYTES_MAX - 1] = 0x80;
        for (unsigned reverse = 0; reverse < 2; reverse++) {
                offset_walk_init(&walk, bitmap, GRID_BLOCK_BYTES_MAX, reverse != 0);
                CHECK_EQUAL(offset_walk_next(&walk, list, OFFSET_WALK_MIN), 1);
                CHECK_EQUAL(list[0], GRID_BLOCK_LENGTH_MAX - 1);
        }
        free(bitmap);
}

int main(void) {
        RUN(test_lists_are_the_walk);
        RUN(test_sparse);
        RUN(test_last_of_the_largest_block);
        return tests_end();
}
