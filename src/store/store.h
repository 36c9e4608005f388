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
#include "store/footer.h"

typedef struct Store Store;

#define STORE_SEGMENT_BLOCKS_MAX FOOTER_BLOCKS_MAX

/* How a store is written. Zeros: as a user would expect it. */
typedef struct StoreOptions {
        /*
         * Where segments end: at multiples of so many blocks. Counts for a new store only, later it is read from the
         * store. 0: store_segment_blocks_for() STORE_SEGMENT_SIZE_DEFAULT.
         */
        uint64_t segment_blocks;
        StoreKeep keep; /* of blocks that come; 0: as of those that came last, STORE_KEEP_FULL in a new store */
        uint64_t journal_size; /* from which on the provenance journal is compacted; 0: STORE_JOURNAL_SIZE_DEFAULT */
} StoreOptions;

#define STORE_JOURNAL_SIZE_DEFAULT (UINT64_C(64) << 10)
#define STORE_SEGMENT_SIZE_DEFAULT (UINT64_C(128) << 20)

/*
 * How many blocks a segment may have so that its file has about `size_bytes`, by the density of the primes at the job's
 * beginning (they only become rarer): at least 1, at most STORE_SEGMENT_BLOCKS_MAX.
 */
uint64_t store_segment_blocks_for(const Grid *grid, uint64_t size_bytes, StoreKeep keep);

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

/* What was asked of store_vacuum(), and what came of it. */
typedef struct StoreVacuum {
        uint64_t n_segments;  /* that lost their bitmaps */
        uint64_t n_bytes;     /* that this freed */
} StoreVacuum;

typedef struct StoreTotals {
        uint64_t n_blocks, n_primes;   /* in order, up to the frontier */
        uint64_t spool_blocks, spool_primes;
        uint64_t segment_bytes;        /* of sealed and open segments, */
        uint64_t open_bytes;           /* and of the open one alone */
        uint64_t spool_bytes;
        uint64_t n_segments;           /* sealed */
} StoreTotals;

/*
 * Opens the store of `grid`'s job in `path`, makes it if it is not there, recovers it after a crash. `grid` must
 * outlive the store.
 * Fails with a sentence in `problem`: -EEXIST another job's store or another kind of folder; -EBUSY another
 * process has it open; -EBADMSG a damaged file, or the file `job` is lost (nothing was changed); -EPROTONOSUPPORT a
 * store of another format; other errors of the file system.
 *
 * Recovery cuts torn tails, takes sealed segments that the manifest does not know into it, deletes unfinished files
 * and empty spool files, and makes sure that what it then reports as present is on the disk. A sealed segment that
 * is missing (a person moved it away because it was damaged) is a hole: the frontier falls back to it, the
 * segments behind it stay and count as present.
 */
int store_open(const Disk *disk, const char *path, const Grid *grid, const StoreOptions *options, Store **ret,
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

/*
 * Appends to the provenance journal; made durable with the next commit, and compacted there when it has grown
 * (provenance.h).
 */
int store_put_provenance(Store *store, const StoreProvenance *provenance, Problem *problem);

/*
 * Makes everything that was put durable, seals and starts segments as they become full. Adds to `durable` the
 * sequence numbers that became durable by this call. After an error nothing is added, and only store_close() helps.
 * When everything is durable but there is no space left to seal a segment or to move blocks out of the spool, that is
 * no error: see store_wants_space().
 */
int store_commit(Store *store, IntervalSet *durable, Problem *problem);

/* For blocks that come from now on. */
void store_set_keep(Store *store, StoreKeep keep);

/*
 * Seals the open segment, though it is not full: afterwards every block up to the frontier is in a sealed one. Commits
 * first; reports to `durable` as store_commit() does. 0, also when there is nothing to seal; or a failure, soft or
 * hard.
 */
int store_rotate(Store *store, IntervalSet *durable, Problem *problem);

/*
 * Takes the bitmaps from sealed segments, the oldest first, until the files of the store have at most `target_bytes`,
 * looking at `n_segments_max` of them in this call. Counts and digests stay, so that every question can still be
 * answered. 1: there may be more to do; 0: the target is reached, or no sealed segment has bitmaps any more; or a
 * failure, soft or hard. `ret` says what was done in any case.
 */
int store_vacuum(Store *store, uint64_t target_bytes, uint64_t n_segments_max, StoreVacuum *ret, Problem *problem);

/* queries */
uint64_t store_frontier(const Store *store);             /* blocks [0, frontier) are in segments */
const IntervalSet *store_present(const Store *store);    /* with the spool */
/*
 * Is this the SHA-256 of the bitmap of a block that is there? 1 or 0; of a sealed block BLOCK_DIGEST_SIZE bytes are
 * known and compared. -ENOENT: it is not there; other errors: the segment cannot be read. Not from two threads at once.
 */
int store_has_digest(const Store *store, uint64_t sequence, const uint8_t digest[static SHA256_SIZE]);
void store_totals(const Store *store, StoreTotals *ret);
/*
 * What the store in the folder `path`, which need not be open, has on the disk now: the bytes and n_segments of
 * `totals`, which otherwise stays as it is. 0, -ENOMEM, or an error of the file system.
 */
int store_measure(const char *path, StoreTotals *totals);
uint64_t store_segment_blocks(const Store *store);
/*
 * How many damaged places there were, when it was opened, in the files that are not sealed; their blocks are
 * missing.
 */
uint64_t store_n_damaged(const Store *store);
/* The disk was too full to move the frontier on. Nothing is lost; each further store_commit() tries again. */
bool store_wants_space(const Store *store);
