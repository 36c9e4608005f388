/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The numbers of a bitmap as lists, one after the other, upwards or downwards: for those who want all of them fast. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OFFSET_WALK_MIN 64 /* a list has room for so many at least */

typedef struct OffsetWalk {
        const uint8_t *bitmap;
        size_t n_bytes;
        size_t n_left; /* bytes that are still to come: at the end of the bitmap, or when downwards at its beginning */
        bool reverse;
} OffsetWalk;

/* The bitmap has at most GRID_BLOCK_BYTES_MAX bytes and must outlive the walk. */
void offset_walk_init(OffsetWalk *walk, const uint8_t *bitmap, size_t n_bytes, bool reverse);

/*
 * Writes the next offsets from the bitmap's start to `ret`, which has room for `n_max` >= OFFSET_WALK_MIN: set bits
 * only, in the order of the walk. Returns how many; 0 at the end.
 */
size_t offset_walk_next(OffsetWalk *walk, uint32_t *ret, size_t n_max);
