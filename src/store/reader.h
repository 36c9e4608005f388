/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reading a store. No lock is needed: a reader sees the store as it was when it opened it, the sealed segments and
 * the intact blocks of the open one, while a writer goes on.
 */

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/interval-set.h"
#include "base/problem.h"
#include "prime/grid.h"
#include "store/facts.h"
#include "store/footer.h"

typedef struct Reader Reader;

typedef struct ReaderTotals {
        uint64_t n_blocks, n_primes;     /* in order, up to the frontier */
        uint64_t n_segments;             /* sealed, up to the frontier */
        uint64_t open_blocks;            /* in the open segment */
        uint64_t n_islands;              /* sealed segments beyond a hole */
        uint64_t n_quarantined;          /* damaged files that a repair put aside */
        uint64_t segment_bytes;          /* of all segment files */
        uint64_t island_bytes;           /* of those beyond a hole */
        uint64_t spool_files, spool_blocks, spool_primes, spool_bytes;
        uint8_t chain[SHA256_SIZE];      /* of the n_blocks, as manifest.h says */
} ReaderTotals;

/* What one worker did, from the provenance journal. */
typedef struct ReaderWorker {
        uint8_t id[SHA256_SIZE];
        char name[65];
        char check[33];                  /* of its latest entry, as the name: "shape+sampled", … */
        uint64_t n_blocks;
        usec_t first_usec, last_usec;    /* of its entries: Unix time, the first to the hour */
} ReaderWorker;

/*
 * -ENOENT: no such folder, or not a store; -EPROTONOSUPPORT: another format; -EBADMSG: damaged, or a sealed segment
 * that the manifest lists is missing, or a file lies among them that it does not list; other errors of the file system.
 * Always with a sentence. Holes that the manifest knows of are none of these: there the frontier is.
 */
int reader_open(const char *path, Reader **ret, Problem *problem);

/* The same, but a lost segment, or a file that does not belong there, is where the frontier is, too. */
int reader_open_damaged(const char *path, Reader **ret, Problem *problem);
Reader *reader_close(Reader *reader);
DEFINE_TRIVIAL_CLEANUP_FUNC(Reader *, reader_close);

/* the job */
const Grid *reader_grid(const Reader *reader);
uint64_t reader_segment_blocks(const Reader *reader);

/* coverage: blocks [0, frontier), numbers [from, coverage) */
uint64_t reader_frontier(const Reader *reader);
void reader_coverage(const Reader *reader, mpz_t ret); /* `ret` is initialised by the caller */

int reader_totals(Reader *reader, ReaderTotals *ret, Problem *problem);

/* What the footers say of all blocks up to the frontier. */
typedef struct ReaderParts {
        Facts facts;
        uint64_t n_proved, n_bpsw; /* blocks of either certainty */
        uint64_t n_digest;         /* blocks of which only a digest was kept */
        StoreKeep last_keep;       /* of the last block: how the next one will be kept unless somebody says otherwise;
                                      STORE_KEEP_FULL where there is none */
} ReaderParts;

/*
 * From the footers, without reading a bitmap. Opens each segment; checks its header, size and footer, and that it is
 * the one in the manifest: -EBADMSG names the file and the cure.
 */
int reader_parts(Reader *reader, ReaderParts *ret, Problem *problem);

/*
 * Unpacks a block below the frontier into `bitmap`, which has room for block_length / 30 bytes; one of which only a
 * digest was kept is sieved again. Checksums and digest are checked, and that record and footer agree: -EBADMSG names
 * the file and the cure. -ENOENT: beyond the frontier;
 * -EOPNOTSUPP: packed by a later version; -ENOMEM; other errors of the file system. Always with a sentence.
 */
int reader_read_block(Reader *reader, uint64_t sequence, uint8_t *bitmap, Problem *problem);

/*
 * The parts of the store, for questions that are answered without bitmaps. Segments are counted in order, up to the
 * frontier; the open one is the last of them.
 */
size_t reader_n_segments(const Reader *reader);

/* The segment that holds a block; reader_n_segments() for blocks beyond the frontier. */
size_t reader_find_segment(const Reader *reader, uint64_t sequence);

/*
 * What is known of a segment: its blocks and their joined facts, from its footer; of a block: from its record's header,
 * or where only a digest was kept, from its primes, which are sieved again. -ENOENT: there is none (up to the
 * frontier); errors as reader_parts() and reader_read_block().
 */
int reader_segment_facts(Reader *reader, size_t index, uint64_t *ret_first_block, uint64_t *ret_n_blocks, Facts *ret,
                         Problem *problem);
int reader_block_facts(Reader *reader, uint64_t sequence, Facts *ret, Problem *problem);

/*
 * Primes of the store before block `sequence`, which is at most the frontier; and the block that holds the prime number
 * `rank`, counted from 0. From the manifest and one footer. -ENOENT: the store has not so many blocks, or primes;
 * errors as reader_parts().
 */
int reader_rank(Reader *reader, uint64_t sequence, uint64_t *ret, Problem *problem);
int reader_find_rank(Reader *reader, uint64_t rank, uint64_t *ret_sequence, Problem *problem);

/*
 * Blocks beyond the frontier: in sealed segments behind a hole, and in the spool. The sets are empty before and belong
 * to the caller, after an error too.
 */
int reader_beyond(Reader *reader, IntervalSet *ret_islands, IntervalSet *ret_spool, Problem *problem);

/* Who computed it, in order of appearance. The caller frees `*ret`. No journal: nobody. */
int reader_workers(Reader *reader, ReaderWorker **ret, size_t *ret_n, Problem *problem);
