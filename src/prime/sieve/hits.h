/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Lists of hits: the multiples of big primes in a window, sorted by the region of the bitmap that they lie in. Each
 * thread has a list of its own, so that filling needs no lock.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "prime/sieve/dividend.h"

#define HITS_BATCH 1024    /* primes that are given to the lists at once */
#define HITS_ROOM 64       /* as few as this do not pay: the lists count as full */

typedef struct Hits Hits;

/* How a window is divided. */
typedef struct HitsPlan {
        size_t n_bytes;        /* of the window, at most 2^30 */
        unsigned region_shift; /* a region has 2^region_shift bytes */
        size_t n_regions;
        size_t capacity; /* of each region's list: hits */
} HitsPlan;

/*
 * Lists in `memory_bytes` for windows of `n_bytes`, in regions of at least `region_bytes` (a power of two), and for
 * primes from `prime_min` on: there is always room for HITS_ROOM of them. The regions are larger if the memory is for
 * a few lists only; it is exceeded where it is not even for one.
 */
void hits_plan(size_t n_bytes, size_t region_bytes, size_t memory_bytes, uint64_t prime_min, HitsPlan *ret);

/* Without lists as yet. NULL when out of memory. */
Hits *hits_new(void);
Hits *hits_free(Hits *hits);

/* Empty lists for a window. Memory is kept from window to window where it suffices. Returns 0 or -ENOMEM. */
int hits_begin(Hits *hits, const HitsPlan *plan);

/* For how many primes from `prime_min` on there is certainly room, at most HITS_BATCH; 0: less than HITS_ROOM. */
size_t hits_room(const Hits *hits, uint64_t prime_min);

/*
 * Adds the hits of `n` base primes, at most hits_room(). indices[i] is the place of a prime in the wheel-30 bitmap from
 * 0 on, 8·byte + bit; ascending. `start_byte`: the window's start / 30. The prime itself is never hit.
 */
void hits_add(Hits *hits, const LocateKernel *kernel, const Dividend *start_byte, const uint64_t *indices, size_t n);

/* Crosses off a region's hits in the window's bitmap, and empties its list. */
void hits_apply(Hits *hits, size_t region, uint8_t *bitmap);

DEFINE_TRIVIAL_CLEANUP_FUNC(Hits *, hits_free);
