/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The folder of a store: what its files are called and how each begins. All integers are little-endian.
 *
 *     job                    what is computed, as text                                   job-file.h
 *     lock                   held by the one process that writes; its pid, as text       folder.h
 *     manifest               rank and chain of digests of the sealed segments            manifest.h
 *     000000000000.primes    a sealed segment: header, records, footer                   record.h, footer.h
 *     000000000256.open      the open segment: header, records                           segment.h
 *     spool-00000000         blocks beyond the frontier: header, records                 spool.h
 *     provenance             who computed what, and when                                 provenance.h
 *     *.new                  being written; without meaning after a crash
 *     *.corrupt              damaged, and put aside by a repair; never read again
 *
 * A segment is called after its first block, so that segments may have any length and one that is missing leaves the
 * names of the others alone. A segment ends where the number of the next block is a multiple of the job's
 * segment_blocks (and where the job ends), unless somebody sealed it early: that shifts no later border.
 *
 * This is format 1. A file of another format is refused, never misread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/problem.h"

#define STORE_FORMAT 1U

/* The end of the sentence about a store of another format. */
#define LAYOUT_FORMAT_CURE                                                                                           \
        "read it with the version that made it, or choose another folder (--store) and let its numbers be computed " \
        "again. Nothing in it was changed."

#define LAYOUT_JOB "job"
#define LAYOUT_LOCK "lock"
#define LAYOUT_MANIFEST "manifest"
#define LAYOUT_PROVENANCE "provenance"
#define LAYOUT_NEW_SUFFIX ".new"
#define LAYOUT_QUARANTINE_SUFFIX ".corrupt"

/* The longest name is that of an open segment with a number of 20 digits and the suffix of an unfinished file. */
#define LAYOUT_NAME_SIZE 40

/* The values stand in the files. */
typedef enum FileKind {
        FILE_SEGMENT = 1,
        FILE_SPOOL = 2,
        FILE_MANIFEST = 3,
        FILE_PROVENANCE = 4,
} FileKind;

typedef enum NameKind {
        NAME_FOREIGN,    /* none of ours */
        NAME_PLAIN,      /* job, lock, manifest, provenance */
        NAME_SEALED,     /* these three have a number */
        NAME_OPEN,
        NAME_SPOOL,
        NAME_UNFINISHED, /* *.new of one of the others */
        NAME_QUARANTINED, /* *.corrupt, *.corrupt-2 … of one of the others */
} NameKind;

/* Segments are named by their first block. */
void layout_sealed_name(uint64_t first_block, char ret[static LAYOUT_NAME_SIZE]);
void layout_open_name(uint64_t first_block, char ret[static LAYOUT_NAME_SIZE]);
void layout_spool_name(uint64_t number, char ret[static LAYOUT_NAME_SIZE]);
NameKind layout_parse_name(const char *name, uint64_t *ret_number);

/* What a damaged file is called: the nth try, from 1, for there may be others of that name. False: too long. */
bool layout_quarantine_name(const char *name, unsigned attempt, char ret[static LAYOUT_NAME_SIZE]);

/* Where a segment that begins with `first_block` ends, in a job of `n_blocks`: the next border. */
uint64_t layout_segment_end(uint64_t first_block, uint64_t segment_blocks, uint64_t n_blocks);

/*
 * The first 64 bytes of every binary file:
 *
 *      0  "primed\r\n"          8  u32 format, u32 kind        16  u64 first block of the segment, number
 *                                                                        of the spool file, else 0
 *     24  SHA-256 of the text of the job file: a file that strayed in from another store is noticed
 *     56  u64 XXH3 of these 56 bytes
 */
#define FILE_HEADER_SIZE 64
#define LAYOUT_MAGIC "primed\r\n" /* a transfer as text breaks it */
#define LAYOUT_MAGIC_SIZE (sizeof LAYOUT_MAGIC - 1)

void file_header_encode(FileKind kind, uint64_t number, const uint8_t job_digest[static SHA256_SIZE],
                        uint8_t ret[static FILE_HEADER_SIZE]);

/*
 * `name` is for the sentence only. Returns 0, -EBADMSG (damaged, or not the file it is called) or -EEXIST (of another
 * job's store). The file `job` was read before and says the format, so another number here is damage.
 */
int file_header_check(const uint8_t *data, size_t size, FileKind kind, uint64_t number,
                      const uint8_t job_digest[static SHA256_SIZE], const char *name, Problem *problem);
