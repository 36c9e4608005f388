/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Blocks beyond the frontier, in files that are written once, from front to back, and deleted when the last block
 * in them has moved on. A block is in the spool until spool_drop(); the bytes stay until spool_sweep().
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/interval-set.h"
#include "base/problem.h"
#include "prime/grid.h"
#include "store/folder.h"
#include "store/record.h"

/* A file that is this large is not appended to any more: large enough to be few, small enough to be freed soon. */
#define SPOOL_FILE_SIZE (UINT64_C(64) << 20)

typedef struct Spool Spool;

/* Folder and grid must outlive the spool. NULL when out of memory. */
Spool *spool_new(Folder *folder, const Grid *grid);

/* The number of the next new file: above those that are there, and before any of them is loaded. */
void spool_start_at(Spool *spool, uint64_t number);

/* Closes without syncing. Accepts NULL, returns NULL. */
Spool *spool_free(Spool *spool);

/*
 * Takes in a file that was there before: moves what stands behind something damaged to a new file, cuts what is left
 * behind its last intact record, leaves out blocks that are in `present`, adds the others to it. Adds to `n_damaged`
 * how many stretches it passed over. 0; -EBADMSG or -EEXIST as file_header_check(); -ENOMEM;
 * errors of reading, failures of the folder. After an error the spool is only good for spool_free().
 */
int spool_load(Spool *spool, uint64_t number, IntervalSet *present, uint64_t *n_damaged, Problem *problem);

/*
 * Copies what it is given. 0 or a failure of the folder, soft or hard (lack of memory is a hard one); then the block is
 * not in the spool.
 */
int spool_put(Spool *spool, const Record *record, const uint8_t *packed, Problem *problem);

/* NULL: not there. The pointer is good until the next change. */
const Record *spool_find(const Spool *spool, uint64_t sequence);

/*
 * Reads a block that is there and checks its packed bytes. `ret_packed` belongs to the spool and is good until the
 * next call. 0; -ENOENT: it is not there; -EBADMSG: it was damaged since it was written; errors of reading; lack of
 * memory, which is a hard failure of the folder.
 */
int spool_read(Spool *spool, uint64_t sequence, const uint8_t **ret_packed, Problem *problem);

/* One that is not there is fine. */
void spool_drop(Spool *spool, uint64_t sequence);

/* Syncs what is dirty and still has blocks that count. 0 or a failure of the folder, always a hard one. */
int spool_sync(Spool *spool, Problem *problem);

/*
 * Deletes the files without such blocks. Only after their blocks are safe elsewhere. 0 or a failure of the folder; what
 * could not be deleted is tried again by the next call.
 */
int spool_sweep(Spool *spool, Problem *problem);

uint64_t spool_n_blocks(const Spool *spool);
uint64_t spool_n_primes(const Spool *spool);
uint64_t spool_bytes(const Spool *spool); /* of the files */
