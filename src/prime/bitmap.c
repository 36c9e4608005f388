/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The wheel-30 bitmap: cutting and walking; counting is bitmap-facts.c's.
 *
 * Everything works on words of eight bytes, read least significant byte first on any host, so that bit b of a word
 * is bit b % 8 of its byte b / 8, and ascending bits are ascending numbers.
 */

#include "prime/bitmap.h"

#include <string.h>

#include "base/bytes.h"
#include "base/macro.h"

const uint8_t bitmap_residues[8] = { 1, 7, 11, 13, 17, 19, 23, 29 };

const uint8_t bitmap_residue_bit[30] = {
        8, 0, 8, 8, 8, 8, 8, 1, 8, 8, 8, 2, 8, 3, 8, 8, 8, 4, 8, 5, 8, 8, 8, 6, 8, 8, 8, 8, 8, 7,
};

/* The up to eight bytes at `at`; bytes behind the end are 0. */
static uint64_t bitmap_word(const uint8_t *bitmap, size_t n_bytes, size_t at) {
        uint8_t tail[8] = {};

        if (n_bytes - at >= 8)
                return get_le64(bitmap + at);
        memcpy(tail, bitmap + at, n_bytes - at);
        return get_le64(tail);
}

/* The bits of a byte whose residues are below `residue`. */
static uint8_t bits_below(uint64_t residue) {
        uint8_t bits = 0;

        for (unsigned i = 0; i < 8; i++)
                if (bitmap_residues[i] < residue)
                        bits |= (uint8_t) (1U << i);
        return bits;
}

void bitmap_clip(uint8_t *bitmap, size_t n_bytes, uint64_t low, uint64_t high) {
        uint64_t low_byte = low / 30, high_byte = high / 30;

        if (low >= high) {
                memset(bitmap, 0, n_bytes);
                return;
        }
        memset(bitmap, 0, (size_t) MIN(low_byte, (uint64_t) n_bytes));
        if (low_byte < n_bytes)
                bitmap[low_byte] &= (uint8_t) ~bits_below(low % 30);
        if (high_byte < n_bytes) {
                bitmap[high_byte] &= bits_below(high % 30);
                memset(bitmap + high_byte + 1, 0, n_bytes - (size_t) high_byte - 1);
        }
}

unsigned bitmap_small_primes(const GridBlock *block, bool starts_at_zero) {
        static const uint8_t small[] = { 2, 3, 5 };
        unsigned n = 0;

        for (size_t i = 0; starts_at_zero && i < ELEMENTSOF(small); i++)
                n += block->low <= small[i] && small[i] < block->high;
        return n;
}

void bitmap_walk_init(BitmapWalk *walk, const uint8_t *bitmap, size_t n_bytes) {
        *walk = (BitmapWalk) { .bitmap = bitmap, .n_bytes = n_bytes };
}

bool bitmap_walk_next(BitmapWalk *walk, uint64_t *ret_offset) {
        unsigned bit;

        while (walk->word == 0) {
                if (walk->next_byte >= walk->n_bytes)
                        return false;
                walk->word = bitmap_word(walk->bitmap, walk->n_bytes, walk->next_byte);
                walk->word_offset = (uint64_t) walk->next_byte * 30;
                walk->next_byte += MIN((size_t) 8, walk->n_bytes - walk->next_byte);
        }
        bit = (unsigned) __builtin_ctzll(walk->word);
        walk->word &= walk->word - 1;
        *ret_offset = walk->word_offset + bit / 8 * 30 + bitmap_residues[bit % 8];
        return true;
}
