/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The wheel-30 bitmap, the one form in which primes exist: bit i of byte k says whether
 * start + 30k + {1,7,11,13,17,19,23,29}[i] is prime, start being a multiple of 30. The primes 2, 3 and 5 have no
 * bit; where a count or a list "with small primes" is meant, the functions say so and want to know whether the
 * bitmap starts at 0.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prime/grid.h"

extern const uint8_t bitmap_residues[8];      /* 1, 7, 11, 13, 17, 19, 23, 29 */
extern const uint8_t bitmap_residue_bit[30];  /* the bit of a residue; 8 for those that share a factor with 30 */

/* The number of bits that are set. */
uint64_t bitmap_count(const uint8_t *bitmap, size_t n_bytes);

/* Clears the bits of all numbers outside of [low, high), offsets from the bitmap's start. */
void bitmap_clip(uint8_t *bitmap, size_t n_bytes, uint64_t low, uint64_t high);

/* How many of the primes 2, 3, 5 lie in the block; `starts_at_zero`: the block's start is 0. */
unsigned bitmap_small_primes(const GridBlock *block, bool starts_at_zero);

/* A walk over the set bits, in ascending order; offsets count from the bitmap's start. */
typedef struct BitmapWalk {
        const uint8_t *bitmap;
        size_t n_bytes, next_byte;
        uint64_t word; /* bits still to be told of the eight bytes before next_byte */
        uint64_t word_offset;
} BitmapWalk;

void bitmap_walk_init(BitmapWalk *walk, const uint8_t *bitmap, size_t n_bytes);
bool bitmap_walk_next(BitmapWalk *walk, uint64_t *ret_offset); /* false at the end */

/* What a segment's footer needs to know of a bitmap. Offsets from the bitmap's start; set bits only. */
typedef struct BitmapFacts {
        uint64_t count;
        uint64_t first, last;             /* offsets; undefined when count is 0 */
        uint64_t gap, gap_at;             /* the first of the largest gaps and where it begins; 0 if count < 2 */
        uint64_t twins;                   /* pairs p, p + 2, both in the bitmap */
        uint64_t classes[8];              /* set bits per residue */
} BitmapFacts;

void bitmap_facts(const uint8_t *bitmap, size_t n_bytes, BitmapFacts *ret);
