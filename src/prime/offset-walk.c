/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Bits to lists of numbers. A word of eight bytes is emptied at once, so that no state is kept within it, and a loop
 * that does nothing else keeps its table and counters in registers; what becomes of the numbers is another loop.
 */

#include "prime/offset-walk.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "prime/bitmap.h"

#define ROW(n) (n) + 1, (n) + 7, (n) + 11, (n) + 13, (n) + 17, (n) + 19, (n) + 23, (n) + 29

/* What a bit of a word stands for. */
static const uint8_t bit_offset[64] = {
        ROW(0), ROW(30), ROW(60), ROW(90), ROW(120), ROW(150), ROW(180), ROW(210),
};

void offset_walk_init(OffsetWalk *walk, const uint8_t *bitmap, size_t n_bytes, bool reverse) {
        assert(n_bytes <= GRID_BLOCK_BYTES_MAX);
        *walk = (OffsetWalk) { .bitmap = bitmap, .n_bytes = n_bytes, .n_left = n_bytes, .reverse = reverse };
}

/* `size` bytes, at most eight; the others are 0. */
static inline uint64_t walk_word(const uint8_t *bytes, size_t size) {
        uint8_t part[8] = {};

        if (size == 8)
                return get_le64(bytes);
        memcpy(part, bytes, size);
        return get_le64(part);
}

static size_t walk_upwards(OffsetWalk *walk, uint32_t *ret, size_t n_max) {
        size_t n = 0;

        while (walk->n_left > 0 && n + OFFSET_WALK_MIN <= n_max) {
                size_t at = walk->n_bytes - walk->n_left, size = MIN(walk->n_left, (size_t) 8);
                uint32_t start = (uint32_t) at * 30;

                for (uint64_t word = walk_word(walk->bitmap + at, size); word != 0; word &= word - 1)
                        ret[n++] = start + bit_offset[__builtin_ctzll(word)];
                walk->n_left -= size;
        }
        return n;
}

static size_t walk_downwards(OffsetWalk *walk, uint32_t *ret, size_t n_max) {
        size_t n = 0;

        while (walk->n_left > 0 && n + OFFSET_WALK_MIN <= n_max) {
                size_t at = (walk->n_left - 1) / 8 * 8;
                uint32_t start = (uint32_t) at * 30;
                uint64_t word = walk_word(walk->bitmap + at, walk->n_left - at);

                while (word != 0) {
                        int bit = 63 - __builtin_clzll(word);

                        ret[n++] = start + bit_offset[bit];
                        word ^= UINT64_C(1) << bit;
                }
                walk->n_left = at;
        }
        return n;
}

size_t offset_walk_next(OffsetWalk *walk, uint32_t *ret, size_t n_max) {
        return walk->reverse ? walk_downwards(walk, ret, n_max) : walk_upwards(walk, ret, n_max);
}
