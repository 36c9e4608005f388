/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is known of a stretch of consecutive blocks without looking at their bitmaps again. Facts of neighbouring
 * stretches join into the facts of both, with the twin pairs and gaps across the border: blocks make a segment,
 * segments make a store.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prime/grid.h"

/* A number, as block and offset from the start of the block's grid cell: fits any size of integer. */
typedef struct Place {
        uint64_t sequence;
        uint64_t offset;
} Place;

typedef struct Facts {
        uint64_t count;      /* primes, 2, 3 and 5 included */
        uint64_t n_small;    /* how many of 2, 3, 5 */
        Place first, last;   /* all zero when count is 0 */
        uint64_t gap;        /* the largest difference of neighbouring primes, 0 when count < 2 */
        Place gap_at;        /* the lower prime of the first such pair */
        uint64_t twins;      /* pairs p, p + 2 */
        uint64_t classes[8]; /* per residue mod 30, without 2, 3, 5 */
} Facts;

/* The block as the store sees it. */
typedef struct BlockShape {
        uint64_t cell_offset; /* where the bitmap starts, from the start of the grid cell */
        uint64_t low, high;   /* the job's part, from the start of the bitmap */
        size_t n_bytes;       /* of the bitmap */
        bool starts_at_zero;
} BlockShape;

void block_shape(const Grid *grid, uint64_t sequence, BlockShape *ret);

/* Of one block. False when the bitmap has bits outside of the job's part. */
bool facts_of_block(const Grid *grid, uint64_t sequence, const uint8_t *bitmap, Facts *ret);

/*
 * The same of a part of the block: [low, high), offsets from the start of the bitmap, within the job's part. False when
 * the bitmap has bits outside of it.
 */
bool facts_of_part(const Grid *grid, uint64_t sequence, uint64_t low, uint64_t high, const uint8_t *bitmap,
                   Facts *ret);

/* Adds the facts of the stretch that follows. */
void facts_join(Facts *facts, const Facts *next, uint64_t block_length);

/* How far `to` lies behind `from`, in numbers. */
uint64_t place_distance(const Place *from, const Place *to, uint64_t block_length);

/* The number at a place; `ret` is initialised by the caller. */
void place_number(const Grid *grid, const Place *place, mpz_t ret);
