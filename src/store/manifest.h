/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is known of the sealed segments only when they are taken together: rank and chain. The file `manifest` is
 * the 64-byte header, a u64 number of entries, the entries (u64 first block, blocks, primes, rank; 32 bytes digest, 32
 * bytes chain) and a u64 XXH3 of everything before. It lists the segments from block 0 on without a gap and is replaced
 * as a whole; everything in it can be found again from the footers.
 *
 * rank:   primes of the job before the segment
 * digest: the segment digest of footer.h
 * chain:  at the segment's end. It begins with 32 zero bytes before the first block and goes on block by block, as
 *         footer_extend_chain() says. Two stores of one job that reach equally far hold the same primes exactly when
 *         their chains are equal, however they are cut into segments.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/problem.h"
#include "store/footer.h"

/* Bounds what is read at once: about 700,000 segments. */
#define MANIFEST_SIZE_MAX (64U << 20)

typedef struct ManifestEntry {
        uint64_t first_block, n_blocks, n_primes, rank;
        uint8_t digest[SHA256_SIZE];
        uint8_t chain[SHA256_SIZE];
} ManifestEntry;

typedef struct Manifest {
        ManifestEntry *entries;
        size_t n_entries, n_allocated;
} Manifest;

#define MANIFEST_EMPTY ((Manifest) {})

void manifest_done(Manifest *manifest);

/* The footer's first block must be manifest_end(). 0 or -ENOMEM. */
int manifest_append(Manifest *manifest, const Footer *footer);

/*
 * Forgets the listed segments from the first one on that does not begin at the next of the `n` ascending
 * `first_blocks`, those of the sealed files that are there. How many are left is manifest->n_entries.
 */
void manifest_cut(Manifest *manifest, const uint64_t *first_blocks, size_t n);

/* The block behind the last listed segment. */
uint64_t manifest_end(const Manifest *manifest);

/* The listed segment that holds block `sequence`. NULL: none does. */
const ManifestEntry *manifest_find(const Manifest *manifest, uint64_t sequence);

/* The chain at manifest_end(). */
void manifest_chain(const Manifest *manifest, uint8_t ret[static SHA256_SIZE]);

/* Primes in all listed segments. */
uint64_t manifest_primes(const Manifest *manifest);

/* The caller frees. 0 or -ENOMEM. */
int manifest_encode(const Manifest *manifest, const uint8_t job_digest[static SHA256_SIZE], uint8_t **ret,
                    size_t *ret_size);

/*
 * 0, and the caller gives `ret` to manifest_done(); -EBADMSG, -EEXIST as file_header_check(),
 * -ENOMEM. Ranks are checked; chains only by the checksum, for they follow from the footers.
 */
int manifest_decode(const uint8_t *data, size_t size, const uint8_t job_digest[static SHA256_SIZE], Manifest *ret,
                    Problem *problem);

/* Reads and decodes the file in the folder `dir_fd`, called `path` in sentences. Without the file: empty. */
int manifest_read(int dir_fd, const char *path, const uint8_t job_digest[static SHA256_SIZE], Manifest *ret,
                  Problem *problem);
