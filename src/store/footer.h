/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The end of a sealed segment: what it holds, said without reading it. Local facts only; rank and chain of digests
 * are the manifest's, so that a segment that went bad can be computed again without touching any other.
 *
 *      0  u64 magic                       8  u64 number          16  u64 first block     24  u64 blocks
 *     32  u64 primes                     40  u64 how many of them are 2, 3, 5
 *     48  u64 block, u64 offset of the first prime, the same of the last; offsets count from the block's grid cell
 *     80  u64 largest gap, u64 block, u64 offset of the prime it follows
 *    104  u64 twin pairs                112  u64 primes per residue class mod 30, eight times
 *    176  u64 blocks whose primes are proved, u64 blocks whose primes passed BPSW
 *    192  segment digest
 *    224  per block: u64 offset of its record in the file, u32 packed size, u32 count, SHA-256 of the bitmap
 *    end  u64 size of the whole footer, u64 magic, u64 XXH3 of everything before, from the footer's first byte
 *
 * The segment digest is the SHA-256 of the blocks' SHA-256 digests in order, not of the bitmaps themselves: the
 * data is hashed once instead of twice, and one block can be checked alone.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/problem.h"
#include "store/disk.h"
#include "store/facts.h"
#include "store/record.h"
#include "store/store.h"

typedef struct FooterEntry {
        uint64_t offset;
        uint32_t packed_size;
        uint32_t count;
        uint8_t digest[SHA256_SIZE];
} FooterEntry;

typedef struct Footer {
        uint64_t number, first_block, n_blocks;
        Facts facts;
        uint64_t n_proved, n_bpsw; /* blocks */
        uint8_t digest[SHA256_SIZE];
        FooterEntry *entries; /* n_blocks of them */
} Footer;

void footer_done(Footer *footer);

/* Adds the record at `offset` as the next block; room for it is the caller's care. */
void footer_add(Footer *footer, const Record *record, uint64_t offset, uint64_t block_length);

/* The segment digest of the blocks that are in. */
void footer_digest(const Footer *footer, uint8_t ret[static SHA256_SIZE]);

/* Where the last record ends and the footer begins. */
uint64_t footer_records_end(const Footer *footer);

size_t footer_size(uint64_t n_blocks);

/* `ret` has room for footer_size(footer->n_blocks). */
void footer_encode(const Footer *footer, uint8_t *ret);

/*
 * `data` ends where the file ends and holds at least the footer. 0, -EBADMSG or -ENOMEM; after success the caller
 * gives `ret` to footer_done(). Checked: checksum, sizes, the sum of counts, the digest, that records follow one
 * another from FILE_HEADER_SIZE on.
 */
int footer_decode(const uint8_t *data, size_t size, Footer *ret);

/*
 * Reads and checks header and footer of a sealed segment. `number` and the job's grid say which blocks it must
 * hold. `name` is for the sentence.
 */
int footer_read(const Disk *disk, int fd, uint64_t file_size, const Grid *grid, uint64_t segment_blocks,
                uint64_t number, const uint8_t job_digest[static SHA256_SIZE], const char *name, Footer *ret,
                Problem *problem);
