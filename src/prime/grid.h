/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The block grid of a job. A job is the interval [from, to), or [from, …) when it is open. Its cells are
 * [k·L, (k+1)·L) for whole k, where L, the block length, depends on the size of `from` alone. Blocks are numbered
 * 0, 1, 2 … from the cell that holds `from`; that sequence number is what plan, wire and store talk about.
 * Only the first and the last block of a job are cut by its ends.
 */

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

#define GRID_BLOCK_LENGTH_MAX (UINT64_C(30) << 20) /* 1 MiB of bitmap */
#define GRID_BLOCK_BYTES_MAX (GRID_BLOCK_LENGTH_MAX / 30)
#define GRID_BLOCKS_MAX (UINT64_C(1) << 62) /* sequence numbers stay below; an open job has exactly so many */

typedef struct Grid {
        mpz_t from, to; /* `to` is 0 when the job is open */
        bool open;
        uint64_t block_length; /* L, in numbers; a multiple of 30 */
        uint64_t n_blocks;
        mpz_t first_cell; /* the k of block 0 */
} Grid;

/* One block: its bitmap covers [start, start + length); only [start + low, start + high) belongs to the job. */
typedef struct GridBlock {
        uint64_t length; /* multiple of 30, at most block_length */
        uint64_t low, high;
} GridBlock;

/* L for numbers of `n_bits` bits: 30·2^20 up to 64 bits, less above, so that a slow core needs about a second. */
uint64_t grid_block_length(size_t n_bits);

/*
 * `to` is NULL for an open job. -EINVAL: empty or reversed; -ERANGE: more than GRID_BLOCKS_MAX blocks, or beyond
 * 2^NUMBER_BITS_MAX; both with a sentence in `problem`. Nothing to free after a failure.
 */
int grid_init(Grid *grid, const mpz_t from, const mpz_t to, Problem *problem);

/* A grid is movable: `Grid a = b` hands the numbers over, then only one of the two may be given to grid_done(). */
void grid_done(Grid *grid);

bool grid_equal(const Grid *a, const Grid *b);

/* `sequence` < n_blocks. `ret_start` is initialised by the caller and becomes a multiple of 30. */
void grid_block(const Grid *grid, uint64_t sequence, mpz_t ret_start, GridBlock *ret);

/* The block that holds `number`. False when the number lies outside of [from, to). */
bool grid_find(const Grid *grid, const mpz_t number, uint64_t *ret_sequence);

/* How many of the job's numbers lie in the blocks [first, end), as a double for rates and percentages. */
double grid_numbers(const Grid *grid, uint64_t first, uint64_t end);
