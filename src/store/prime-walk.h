/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The primes of an interval of a store as lists of numbers, upwards or downwards. */

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "prime/offset-walk.h"
#include "store/reader-interval.h"

#define PRIME_WALK_LIST 4096

typedef struct PrimeWalk {
        ReaderWalk block;
        uint64_t first, end; /* blocks that are still to come */
        bool reverse;
        OffsetWalk bits;     /* of the current block */
        bool has_small;      /* the current block begins at 0, and 2, 3 and 5 are still to come */

        uint32_t offsets[PRIME_WALK_LIST]; /* the list: primes are block.start + offsets[i], in the order of the walk */
        size_t n_offsets;
} PrimeWalk;

/* As reader_walk_init(). */
int prime_walk_init(PrimeWalk *walk, Reader *reader, const mpz_t low, const mpz_t high, bool reverse, Problem *problem);

/* 1 with the next list, which is not empty and within one block; 0 at the end; errors of reader_read_block(). */
int prime_walk_next(PrimeWalk *walk, Problem *problem);
void prime_walk_done(PrimeWalk *walk);

/*
 * Where the last `n` primes of [low, high) begin: `low` when there are no more than that, `high` when `n` is 0. `ret`
 * is initialised by the caller. 0 or errors as above.
 */
int prime_walk_find_last(Reader *reader, const mpz_t low, const mpz_t high, uint64_t n, mpz_t ret, Problem *problem);
