/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Blocks of a job computed on the spot: where only a digest is kept of them, or where somebody wants to see again that
 * they are right. One block behind the other costs less than each by itself.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "prime/grid.h"

typedef struct BlockSieve BlockSieve;

/* `grid` must outlive it. NULL when out of memory. */
BlockSieve *block_sieve_new(const Grid *grid);
BlockSieve *block_sieve_free(BlockSieve *sieve);
DEFINE_TRIVIAL_CLEANUP_FUNC(BlockSieve *, block_sieve_free);

/*
 * Writes the bitmap of block `sequence`, cut to the job, which has room for block_length / 30 bytes. `end`: the block
 * behind the last one that will probably be asked for in a row; it only makes a difference in time. 0, or an error of
 * sieve_run_next().
 */
int block_sieve_compute(BlockSieve *sieve, uint64_t sequence, uint64_t end, uint8_t *bitmap);
