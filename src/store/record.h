/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One block as it lies in a segment or spool file: 136 bytes and the packed bitmap behind them. The store may have been
 * told to keep digests only: then the packed size is 0, the codec that of a raw bitmap, and nothing follows.
 *
 *      0  u32 magic                      4  u8 codec, u8 certainty, u8 n_small, u8 kind of file
 *      8  u64 number in the file's header       16  u64 sequence
 *     24  u32 packed size               28  u32 count
 *     32  SHA-256 of the bitmap
 *     64  u32 offset of the first and of the last prime, u32 largest gap, u32 its offset, u32 twins
 *     84  u32 primes per residue class, eight times
 *    116  u32 the first four bytes of the job's digest
 *    120  u64 XXH3 of the packed bitmap
 *    128  u64 XXH3 of the 128 bytes before
 *
 * Number, sequence and job are under the checksum: a record that a crash, a recycled disk block or a person put
 * into the wrong place does not verify there. Nothing in it depends on who computed the block, or when.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "prime/grid.h"
#include "prime/pack.h"
#include "prime/sieve/run.h"
#include "store/disk.h"
#include "store/facts.h"
#include "store/layout.h"

#define RECORD_HEADER_SIZE 136

/* Which file a record must belong to. */
typedef struct RecordOrigin {
        FileKind kind;
        uint64_t number;
        uint32_t job_tag;
} RecordOrigin;

typedef struct Record {
        uint64_t sequence;
        PackCodec codec;
        Certainty certainty;
        uint32_t packed_size;
        uint8_t digest[SHA256_SIZE];
        Facts facts;
        uint64_t packed_checksum;
} Record;

RecordOrigin record_origin(FileKind kind, uint64_t number, const uint8_t job_digest[static SHA256_SIZE]);

void record_encode_header(const Record *record, const RecordOrigin *origin, uint8_t ret[static RECORD_HEADER_SIZE]);

/*
 * Returns 0, or -EBADMSG for anything that was not written by record_encode_header() for this origin. The packed
 * size is at most what a block of `grid` can need. The packed bytes are checked by record_check_packed().
 */
int record_decode_header(const uint8_t data[static RECORD_HEADER_SIZE], const RecordOrigin *origin, const Grid *grid,
                         Record *ret);

bool record_check_packed(const Record *record, const uint8_t *packed);

/* pack_unpack() of the record's packed bytes: `bitmap` has room for block_length / 30 bytes. Errors as there. */
int record_unpack(const Record *record, const Grid *grid, Packer *packer, const uint8_t *packed, uint8_t *bitmap);

/*
 * Does the bitmap agree with everything that the record says about it? Returns 0, or -EBADMSG with `ret_what`:
 * "digest", "count", … .
 */
int record_check_bitmap(const Record *record, const Grid *grid, const uint8_t *bitmap, const char **ret_what);

/* A walk over the records of a file, from `offset`. Plain contents: fill in the first group, zero the rest. */
typedef struct RecordWalk {
        const Disk *disk;
        int fd;
        const Grid *grid;
        RecordOrigin origin;
        uint64_t offset; /* where the next record begins; after a failure, where the bad one does */
        uint64_t size;   /* of the file */

        Record record;
        uint64_t record_offset;
        uint8_t *packed; /* the current record's, when asked for */
        size_t n_allocated;
} RecordWalk;

/*
 * 1: `record` is the next one. 0: the file ends here. -ENODATA: the file ends within a record (a write that a
 * crash or a full disk tore, or that is under way). -EBADMSG: something else stands here. Other errors: reading
 * failed. Without `with_packed` the packed bytes are neither read nor checked.
 */
int record_walk_next(RecordWalk *walk, bool with_packed);

/*
 * After -EBADMSG: looks for the next place behind `offset` where a record of this file begins, and goes on from there.
 * 1: found; 0: there is none; -ENOMEM; errors of reading.
 */
int record_walk_skip(RecordWalk *walk);
void record_walk_done(RecordWalk *walk);
