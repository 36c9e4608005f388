/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the tests of the store share: folders that vanish, small jobs, blocks with made-up bitmaps. The store does
 * not know whether a set bit is a prime, so blocks are drawn from (seed of the job, sequence) alone: the same in
 * every store of the job, and different from each other.
 *
 * Jobs begin at 10^600, where a block has 64 bytes, unless a test wants otherwise.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "prime/grid.h"
#include "store/folder.h"
#include "store/record.h"
#include "store/store.h"

#define FIXTURE_FROM "10^600+100"

/* A fresh, empty folder, removed with all that is in it when the test ends. Never NULL. */
const char *fixture_folder(void);

/* Removes one early: for tests that make thousands. */
void fixture_discard(const char *folder);

/* A job of `n_blocks` blocks, both ends cut; 0 blocks: open. */
void fixture_grid(Grid *grid, const char *from, uint64_t n_blocks);

/* From now on a bit is set with probability 2^-n only, instead of 1/8. */
void fixture_set_sparse(unsigned n);

typedef struct FixtureBlock {
        StoreBlock block;
        uint8_t *bitmap, *packed;
        size_t n_bytes;
} FixtureBlock;

void fixture_block(const Grid *grid, uint64_t sequence, FixtureBlock *ret);
void fixture_block_done(FixtureBlock *block);
void fixture_record(const Grid *grid, const FixtureBlock *block, Record *ret);

/* The folder of a store without the store, with a made-up job digest; must succeed. */
Folder *fixture_open_folder(const char *path);

/* store_open() of a store that keeps bitmaps. */
int fixture_try_open(const Disk *disk, const char *path, const Grid *grid, uint64_t segment_blocks, Store **ret,
                     Problem *problem);
Store *fixture_open(const char *path, const Grid *grid, uint64_t segment_blocks); /* must succeed */
int fixture_put(Store *store, const Grid *grid, uint64_t sequence);

/* A store with blocks [0, n_blocks) of the job, committed and closed. */
void fixture_store(const char *path, const Grid *grid, uint64_t segment_blocks, uint64_t n_blocks);

/* Shuffles. */
void fixture_shuffle(uint64_t *values, size_t n, Random *random);

/* Seed: PRIMED_TEST_SEED, or drawn; printed. */
uint64_t fixture_seed(void);

/* files */
uint8_t *fixture_read(const char *folder, const char *name, size_t *ret_size); /* must be there; caller frees */
void fixture_write(const char *folder, const char *name, const void *data, size_t size);
void fixture_remove(const char *folder, const char *name);
bool fixture_exists(const char *folder, const char *name);
char **fixture_names(const char *folder, size_t *ret_n); /* the caller frees the names and the list */
size_t fixture_count(const char *folder, const char *suffix_or_prefix);
void fixture_copy(const char *from, const char *to); /* all files of a folder */

/* The same job, manifest and sealed segments, byte for byte, and no other sealed ones. */
bool fixture_same(const char *a, const char *b);
