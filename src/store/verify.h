/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Is the store what it says it is? Every byte of every file but the lock is covered: job, manifest with ranks and
 * chain, each record's checksums, each block unpacked and held against digest, count and facts, order without gap on
 * the grid, each footer against what was found, spool, provenance. Where only digests are kept, footers are all there
 * is.
 *
 * What it does not do, unless it is asked to compute all of it again, is to prove the primes: that the bits are right
 * is the word of the workers that computed them ("unaudited").
 *
 * It may run while a writer works. What a crash can leave in the midst of a job is no fault: an incomplete last record,
 * or sealed segments that the manifest does not list yet. But when the job is complete, nobody may come to list them,
 * and the last chain is what two stores are compared by: then it is a fault.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "store/layout.h"

typedef enum VerifyKind {
        VERIFY_INTACT,
        VERIFY_JOB,
        VERIFY_MANIFEST,   /* damaged; or of a complete job and without all of its segments */
        VERIFY_MISSING,    /* a segment that the manifest names is not there */
        VERIFY_HEADER,     /* first bytes of a file */
        VERIFY_RECORD,     /* a block's record does not fit its checksums, or its place */
        VERIFY_CONTENTS,   /* a block's bitmap does not fit what the record says */
        VERIFY_FOOTER,     /* a sealed segment's end does not fit its blocks, or is missing */
        VERIFY_RANK,       /* a segment is not the one that the manifest names */
        VERIFY_PROVENANCE,
} VerifyKind;

/* One thing that is wrong. */
typedef struct VerifyFault {
        VerifyKind kind;
        char file[LAYOUT_NAME_SIZE];
        bool has_block;
        uint64_t block;  /* sequence number */
        uint64_t offset; /* in the file */
        char low[64], high[64]; /* the numbers that are concerned, [low, high) in short form; empty: none */
} VerifyFault;

/* What was checked. */
typedef struct VerifyReport {
        uint64_t n_faults;
        uint64_t n_segments, n_islands, n_unlisted; /* sealed; of these beyond a hole; of the others not in manifest */
        uint64_t digest_blocks;                     /* in sealed segments, of which only digests are kept */
        uint64_t n_recomputed;                      /* blocks that were sieved again and are right */
        uint64_t n_blocks, n_primes;                /* up to the frontier */
        uint64_t job_blocks;                        /* 0: the job is open */
        bool complete;                              /* all blocks of the job are there, in order */
        char coverage[64];                          /* primes up to here, exclusive; in short form */
        uint64_t open_blocks, spool_blocks;
        uint64_t n_proved, n_bpsw;                  /* blocks, spool included */
        uint64_t n_bytes;
        uint64_t torn_bytes;                        /* behind the last intact record of open segment and spool */
} VerifyReport;

typedef struct VerifyOptions {
        /*
         * Sieve each block again, and hold it against what is kept of it: then the primes are proved, by this
         * machine.
         */
        bool recompute;
        /* Called after each block. May be NULL. */
        void (*progress)(uint64_t done_bytes, uint64_t total_bytes, void *userdata);
        /* Called for each fault, with its sentence. May be NULL: then the first one ends it. */
        void (*on_fault)(const VerifyFault *fault, const char *sentence, void *userdata);
        void *userdata;
} VerifyOptions;

const char *verify_kind_name(VerifyKind kind);

/*
 * 0: intact. -EBADMSG: there are faults; `ret_fault` says where the first one is, `problem` what and the cure. Other
 * errors: could not look (-ENOENT: no store; -EPROTONOSUPPORT: another format); `problem` says why. `ret_report` is
 * filled as far as it got. A segment with a fault is left at the fault, the next one is looked at.
 */
int verify_store(const char *path, const VerifyOptions *options, VerifyReport *ret_report, VerifyFault *ret_fault,
                 Problem *problem);
