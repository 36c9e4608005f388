/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Single numbers of a wheel-30 bitmap (prime/bitmap.h). Offsets count from the bitmap's start and may lie behind its
 * end. 2, 3 and 5 have no bit and are the caller's care.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the number at `offset` has a bit that is set. */
bool bitmap_contains(const uint8_t *bitmap, size_t n_bytes, uint64_t offset);

/* The first bit that is set at or above `offset`; the last one below it. False when there is none. */
bool bitmap_find_next(const uint8_t *bitmap, size_t n_bytes, uint64_t offset, uint64_t *ret);
bool bitmap_find_previous(const uint8_t *bitmap, size_t n_bytes, uint64_t offset, uint64_t *ret);

/* How many bits are set below `offset`. */
uint64_t bitmap_rank(const uint8_t *bitmap, size_t n_bytes, uint64_t offset);

/* The bit that has `rank` others below it. False when there are not so many. */
bool bitmap_select(const uint8_t *bitmap, size_t n_bytes, uint64_t rank, uint64_t *ret);
