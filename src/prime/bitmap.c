/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The wheel-30 bitmap: counting, cutting, walking, and the facts for a segment's footer.
 *
 * Everything works on words of eight bytes, read least significant byte first on any host, so that bit b of a word
 * is bit b % 8 of its byte b / 8, and ascending bits are ascending numbers.
 *
 * bitmap_facts() reads the bitmap twice, because its questions differ: counts per residue, of twins and of all are
 * sums over bits that can be taken for eight bytes at once ("vertical" counters, one byte lane each, emptied before
 * they overflow); the largest gap needs the order and goes byte by byte through a table.
 */

#include "prime/bitmap.h"

#include <string.h>

#include "base/bytes.h"
#include "base/macro.h"

const uint8_t bitmap_residues[8] = { 1, 7, 11, 13, 17, 19, 23, 29 };

const uint8_t bitmap_residue_bit[30] = {
        8, 0, 8, 8, 8, 8, 8, 1, 8, 8, 8, 2, 8, 3, 8, 8, 8, 4, 8, 5, 8, 8, 8, 6, 8, 8, 8, 8, 8, 7,
};

#define LANES UINT64_C(0x0101010101010101) /* bit 0 of each byte */

/* The up to eight bytes at `at`; bytes behind the end are 0. */
static uint64_t bitmap_word(const uint8_t *bitmap, size_t n_bytes, size_t at) {
        uint8_t tail[8] = {};

        if (n_bytes - at >= 8)
                return get_le64(bitmap + at);
        memcpy(tail, bitmap + at, n_bytes - at);
        return get_le64(tail);
}

/* The sum of the eight byte lanes. */
static uint64_t lanes_sum(uint64_t lanes) {
        const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);

        lanes = (lanes & even) + (lanes >> 8 & even);
        return (lanes * UINT64_C(0x0001000100010001)) >> 48;
}

uint64_t bitmap_count(const uint8_t *bitmap, size_t n_bytes) {
        uint64_t count = 0;

        for (size_t at = 0; at < n_bytes; at += 8)
                count += (unsigned) __builtin_popcountll(bitmap_word(bitmap, n_bytes, at));
        return count;
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

/* Counts of all kinds, eight bytes at a time. */
static void facts_count(const uint8_t *bitmap, size_t n_bytes, BitmapFacts *facts) {
        const size_t n_turn = 8 * 80; /* bytes until the lanes are emptied: 80 words · 3 twins < 256 */
        size_t at = 0;

        while (at < n_bytes) {
                size_t end = MIN(n_bytes, at + n_turn);
                uint64_t classes[8] = {}, twins = 0;

                for (; at < end; at += 8) {
                        uint64_t word = bitmap_word(bitmap, n_bytes, at), next, pairs;

                        /* Twins are the neighbours 11 13, 17 19, and 29 with the next byte's 1. */
                        next = word >> 1;
                        if (at + 8 < n_bytes)
                                next |= (uint64_t) (bitmap[at + 8] & 1) << 63;
                        pairs = word & next;
                        twins += (pairs >> 2 & LANES) + (pairs >> 4 & LANES) + (pairs >> 7 & LANES);
                        for (unsigned i = 0; i < 8; i++)
                                classes[i] += word >> i & LANES;
                }
                for (unsigned i = 0; i < 8; i++)
                        facts->classes[i] += lanes_sum(classes[i]);
                facts->twins += lanes_sum(twins);
        }
        for (unsigned i = 0; i < 8; i++)
                facts->count += facts->classes[i];
}

/*
 * What one byte means for the gaps: its first and last number, and the largest gap inside. An empty byte, which is
 * common and unpredictable, is no case of its own: its numbers lie so far in the past that it neither ends a gap nor
 * begins one.
 */
typedef struct ByteGaps {
        int64_t first, last;
        uint8_t gap, gap_at;
} ByteGaps;

static void byte_gaps_fill(ByteGaps table[static 256]) {
        table[0] = (ByteGaps) { .first = INT64_MIN / 4, .last = INT64_MIN / 4 };
        for (unsigned byte = 1; byte < 256; byte++) {
                ByteGaps gaps = { .first = bitmap_residues[__builtin_ctz(byte)] };

                gaps.last = gaps.first;
                for (unsigned i = 0; i < 8; i++) {
                        if (!(byte & 1U << i))
                                continue;
                        if (bitmap_residues[i] - gaps.last > gaps.gap) {
                                gaps.gap = (uint8_t) (bitmap_residues[i] - gaps.last);
                                gaps.gap_at = (uint8_t) gaps.last;
                        }
                        gaps.last = bitmap_residues[i];
                }
                table[byte] = gaps;
        }
}

/* First, last, and the largest gap; the earliest of equals. */
static void facts_find_gap(const uint8_t *bitmap, size_t n_bytes, BitmapFacts *facts) {
        int64_t gap = 0, gap_at = 0, last, start;
        ByteGaps table[256];
        size_t at = 0;

        while (at < n_bytes && bitmap[at] == 0)
                at++;
        if (at == n_bytes)
                return;

        byte_gaps_fill(table);
        start = (int64_t) at * 30;
        last = start + table[bitmap[at]].first;
        facts->first = (uint64_t) last;
        for (; at < n_bytes; at++, start += 30) {
                const ByteGaps *byte = table + bitmap[at];

                if (start + byte->first - last > gap) {
                        gap = start + byte->first - last;
                        gap_at = last;
                }
                if (byte->gap > gap) {
                        gap = byte->gap;
                        gap_at = start + byte->gap_at;
                }
                last = MAX(last, start + byte->last);
        }
        facts->last = (uint64_t) last;
        facts->gap = (uint64_t) gap;
        facts->gap_at = (uint64_t) gap_at;
}

void bitmap_facts(const uint8_t *bitmap, size_t n_bytes, BitmapFacts *ret) {
        BitmapFacts facts = {};

        facts_count(bitmap, n_bytes, &facts);
        facts_find_gap(bitmap, n_bytes, &facts);
        *ret = facts;
}
