/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The end of a sealed segment: what it holds, said without reading it. Local facts only; rank and chain of digests
 * are the manifest's, so that a segment that went bad can be computed again without touching any other.
 *
 *      0  u64 magic                       8  u64 first block     16  u64 blocks          24  u64 what is kept
 *     32  u64 primes                     40  u64 how many of them are 2, 3, 5
 *     48  u64 block, u64 offset of the first prime, the same of the last; offsets count from the block's grid cell
 *     80  u64 largest gap, u64 block, u64 offset of the prime it follows
 *    104  u64 twin pairs                112  u64 primes per residue class mod 30, eight times
 *    176  u64 blocks whose primes are proved, u64 blocks whose primes passed BPSW
 *    192  segment digest
 *    224  the block index, 16 bytes per block: u32 count, the first 12 bytes of the SHA-256 of its bitmap
 *      …  only where bitmaps are kept: u32 packed size per block; 0: of this one there is a record, but no bitmap
 *    end  u64 size of the whole footer, u64 magic, u64 XXH3 of everything before, from the footer's first byte
 *
 * A segment keeps bitmaps (the records lie between the header and the footer), or only digests (the footer follows the
 * header): then a bitmap is computed again by who wants it, and held against the digest. The footers of the two differ
 * in "what is kept" and the packed sizes alone. As long as one block has its bitmap, all have their records.
 *
 * The segment digest is the SHA-256 of the block index, not of the bitmaps themselves: the data is hashed once instead
 * of twice, one block can be checked alone, and a segment without bitmaps has the same digest. Of a block's SHA-256 12
 * bytes are enough, because there is one bitmap that is right: who wants to pass off another one needs a second
 * preimage, 2^96 tries, not a collision.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/problem.h"
#include "store/disk.h"
#include "store/facts.h"
#include "store/record.h"

#define FOOTER_BLOCKS_MAX 65536U /* bounds a footer to 1.3 MiB */

/* Of a block's SHA-256, in the block index. */
#define BLOCK_DIGEST_SIZE 12
#define BLOCK_ENTRY_SIZE (4 + BLOCK_DIGEST_SIZE)

/* What a segment has of its blocks. The values stand in the files. */
typedef enum StoreKeep {
        STORE_KEEP_FULL = 1,   /* the bitmaps, or some of them */
        STORE_KEEP_DIGEST = 2, /* counts and digests */
} StoreKeep;

const char *store_keep_name(StoreKeep keep); /* "full", "digest"; NULL for others */

/* 0, or -EINVAL. */
int store_keep_parse(const char *word, StoreKeep *ret);

typedef struct FooterEntry {
        uint64_t offset;      /* of the record in the file; where bitmaps are kept */
        uint32_t packed_size;
        uint32_t count;
        uint8_t digest[BLOCK_DIGEST_SIZE];
} FooterEntry;

typedef struct Footer {
        uint64_t first_block, n_blocks;
        StoreKeep keep;
        Facts facts;
        uint64_t n_proved, n_bpsw; /* blocks */
        uint8_t digest[SHA256_SIZE];
        FooterEntry *entries; /* n_blocks of them */
} Footer;

void footer_done(Footer *footer);

/*
 * Adds the record at `offset` as the next block; room for it is the caller's care. A record with a bitmap makes it a
 * footer of bitmaps; before, it is one of digests.
 */
void footer_add(Footer *footer, const Record *record, uint64_t offset, uint64_t block_length);

/* What is kept of the last block; there is one. */
StoreKeep footer_last_keep(const Footer *footer);

/* The block index as it stands in the file, n_blocks · BLOCK_ENTRY_SIZE bytes. The caller frees. NULL: no memory. */
uint8_t *footer_encode_index(const Footer *footer);

/* The segment digest of the blocks that are in. 0 or -ENOMEM. */
int footer_digest(const Footer *footer, uint8_t ret[static SHA256_SIZE]);

/*
 * `chain` goes on by the blocks of the footer: SHA-256(chain ‖ entry of the block index), a block at a time. So it does
 * not depend on where segments begin and end, nor on what they keep.
 */
void footer_extend_chain(const Footer *footer, uint8_t chain[static SHA256_SIZE]);

/* Where the last record ends and the footer begins. */
uint64_t footer_records_end(const Footer *footer);

size_t footer_size(uint64_t n_blocks, StoreKeep keep);

/* `ret` has room for footer_size(footer->n_blocks, footer->keep). */
void footer_encode(const Footer *footer, uint8_t *ret);

/*
 * `data` ends where the file ends and holds at least the footer. 0, -EBADMSG or -ENOMEM; after success the caller
 * gives `ret` to footer_done(). Checked: checksum, sizes, the sum of counts, the digest.
 */
int footer_decode(const uint8_t *data, size_t size, Footer *ret);

/* Where a sealed segment must lie. */
typedef struct FooterPlace {
        const Grid *grid;
        uint64_t segment_blocks, first_block;
        const uint8_t *job_digest;
} FooterPlace;

/*
 * Reads and checks header and footer of a sealed segment: that it is of this job, begins with `first_block`, goes no
 * further than the next border, and fills its file. `name` is for the sentence.
 */
int footer_read(const Disk *disk, int fd, uint64_t file_size, const FooterPlace *place, const char *name, Footer *ret,
                Problem *problem);
