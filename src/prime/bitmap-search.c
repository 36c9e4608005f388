/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Single numbers of a bitmap. The neighbours of a number are a few bytes away, so those searches go byte by byte; rank
 * and select look at half a bitmap on average and count eight bytes at once.
 */

#include "prime/bitmap-search.h"

#include "base/macro.h"
#include "prime/bitmap.h"

#define CHUNK 512 /* bytes whose bits bitmap_select() counts before it looks closer */

/* The bits of a byte whose residues are below `residue`. */
static unsigned bits_below(uint64_t residue) {
        unsigned bits = 0;

        for (unsigned i = 0; i < 8; i++)
                if (bitmap_residues[i] < residue)
                        bits |= 1U << i;
        return bits;
}

bool bitmap_contains(const uint8_t *bitmap, size_t n_bytes, uint64_t offset) {
        uint8_t bit = bitmap_residue_bit[offset % 30];

        return offset / 30 < n_bytes && bit < 8 && (bitmap[offset / 30] >> bit & 1);
}

bool bitmap_find_next(const uint8_t *bitmap, size_t n_bytes, uint64_t offset, uint64_t *ret) {
        unsigned mask = ~bits_below(offset % 30);

        for (uint64_t at = offset / 30; at < n_bytes; at++, mask = ~0U) {
                unsigned byte = bitmap[at] & mask;

                if (byte != 0) {
                        *ret = at * 30 + bitmap_residues[__builtin_ctz(byte)];
                        return true;
                }
        }
        return false;
}

bool bitmap_find_previous(const uint8_t *bitmap, size_t n_bytes, uint64_t offset, uint64_t *ret) {
        unsigned mask = bits_below(offset % 30);
        uint64_t end = offset / 30 + 1; /* behind the byte to look at */

        if (end > n_bytes) {
                mask = ~0U;
                end = n_bytes;
        }
        for (; end > 0; end--, mask = ~0U) {
                unsigned byte = bitmap[end - 1] & mask;

                if (byte != 0) {
                        *ret = (end - 1) * 30 + bitmap_residues[31 - __builtin_clz(byte)];
                        return true;
                }
        }
        return false;
}

uint64_t bitmap_rank(const uint8_t *bitmap, size_t n_bytes, uint64_t offset) {
        size_t n_whole = (size_t) MIN(offset / 30, (uint64_t) n_bytes);
        uint64_t rank = bitmap_count(bitmap, n_whole);

        if (n_whole < n_bytes)
                rank += (unsigned) __builtin_popcount(bitmap[n_whole] & bits_below(offset % 30));
        return rank;
}

bool bitmap_select(const uint8_t *bitmap, size_t n_bytes, uint64_t rank, uint64_t *ret) {
        size_t at = 0;

        for (; n_bytes - at >= CHUNK; at += CHUNK) {
                uint64_t n = bitmap_count(bitmap + at, CHUNK);

                if (rank < n)
                        break;
                rank -= n;
        }
        for (; at < n_bytes; at++) {
                unsigned byte = bitmap[at], n = (unsigned) __builtin_popcount(byte);

                if (rank < n) {
                        for (; rank > 0; rank--)
                                byte &= byte - 1;
                        *ret = (uint64_t) at * 30 + bitmap_residues[__builtin_ctz(byte)];
                        return true;
                }
                rank -= n;
        }
        return false;
}
