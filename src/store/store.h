/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The ordered store of one job: a folder that one process writes and any number read.
 *
 *     store_open() → store_put()… → store_commit() → acknowledge → …
 *
 * A block at the frontier is appended to the open segment, a block beyond it to the spool; when the frontier
 * reaches it, it moves. What store_commit() reports is durable: fdatasync() returned 0 for it. After a failure
 * of any write or sync the store never syncs that descriptor again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/interval-set.h"
#include "base/problem.h"
#include "prime/grid.h"
#include "prime/pack.h"
#include "prime/sieve/run.h"
#include "store/disk.h"

typedef struct Store Store;

#define STORE_SEGMENT_BLOCKS_DEFAULT 256
#define STORE_SEGMENT_BLOCKS_MAX 65536 /* bounds a footer to 3 MiB */

/* One block as it is packed by a worker and lies on disk. */
typedef struct StoreBlock {
        uint64_t sequence;
        PackCodec codec;
        Certainty certainty;
        uint64_t count; /* primes in the block, with 2, 3 and 5 where they belong to it */
        uint8_t digest[SHA256_SIZE]; /* SHA-256 of the unpacked bitmap */
        const uint8_t *packed;
        size_t packed_size;
        /*
         * The unpacked bitmap, when the caller has it anyway and has checked that `digest` is its digest; else NULL,
         * then the store unpacks and checks for itself.
         */
        const uint8_t *bitmap;
} StoreBlock;

/* Who computed which blocks, and how they were checked. Kept beside the segments, never in them. */
typedef struct StoreProvenance {
        uint64_t first, end;
        uint8_t worker_id[SHA256_SIZE];
        const char *worker_name; /* cut at 64 bytes */
        usec_t realtime_usec;
        const char *check; /* what of the blocks was checked: "shape+sampled"; "unaudited": nothing */
} StoreProvenance;

typedef struct StoreTotals {
        uint64_t n_blocks, n_primes;   /* in order, up to the frontier */
        uint64_t spool_blocks, spool_primes;
        uint64_t segment_bytes;        /* of sealed and open segments */
        uint64_t spool_bytes;
        uint64_t n_segments;           /* sealed */
} StoreTotals;

/*
 * Opens the store of `grid`'s job in `path`, makes it if it is not there, recovers it after a crash. `grid` must
 * outlive the store. `segment_blocks` counts for a new store only; later it is read from the store.
 * Fails with a sentence in `problem`: -EEXIST another job's store or another kind of folder; -EBUSY another
 * process has it open; -EBADMSG a damaged file, or the file `job` is lost (nothing was changed); -EPROTONOSUPPORT a
 * store of another format; other errors of the file system.
 *
 * Recovery cuts torn tails, takes sealed segments that the manifest does not know into it, deletes unfinished files
 * and empty spool files, and makes sure that what it then reports as present is on the disk. A sealed segment that
 * is missing (a person moved it away because it was damaged) is a hole: the frontier falls back to it, the
 * segments behind it stay and count as present.
 */
int store_open(const Disk *disk, const char *path, const Grid *grid, uint64_t segment_blocks, Store **ret,
               Problem *problem);

/* Does not commit. What was not committed may be gone. */
Store *store_close(Store *store);

/*
 * Accepts a block. 0; -EALREADY: the block is there already (nothing done); -ERANGE: no such block; -EBADMSG: the
 * packed bytes, count and digest do not belong together (nothing done); or an error of the disk: the store is then
 * broken for writing until it is opened again, except for -ENOSPC and -EDQUOT, after which the block is not stored,
 * everything before it is unharmed, and putting it again later may succeed.
 */
int store_put(Store *store, const StoreBlock *block, Problem *problem);

/* Appends to the provenance journal; made durable with the next commit. */
int store_put_provenance(Store *store, const StoreProvenance *provenance, Problem *problem);

/*
 * Makes everything that was put durable, seals and starts segments as they become full. Adds to `durable` the
 * sequence numbers that became durable by this call. After an error nothing is added, and only store_close() helps.
 * When everything is durable but there is no space left to seal a segment or to move blocks out of the spool, that is
 * no error: see store_wants_space().
 */
int store_commit(Store *store, IntervalSet *durable, Problem *problem);

/* queries */
uint64_t store_frontier(const Store *store);             /* blocks [0, frontier) are in segments */
const IntervalSet *store_present(const Store *store);    /* with the spool */
/* -ENOENT: not there; other errors: the segment cannot be read. Not from two threads at once. */
int store_block_digest(const Store *store, uint64_t sequence, uint8_t ret[static SHA256_SIZE]);
void store_totals(const Store *store, StoreTotals *ret);
uint64_t store_segment_blocks(const Store *store);
/* The disk was too full to move the frontier on. Nothing is lost; each further store_commit() tries again. */
bool store_wants_space(const Store *store);
