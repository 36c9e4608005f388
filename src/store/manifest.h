/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is known of the sealed segments only when they are taken together: rank and chain. The file `manifest` is
 * the 64-byte header, a u64 number of entries, the entries (u64 number, first block, blocks, primes, rank; 32 bytes
 * digest, 32 bytes chain) and a u64 XXH3 of everything before. It lists the segments from 0 on without a gap and
 * is replaced as a whole; everything in it can be found again from the footers.
 *
 * rank:  primes of the job before the segment
 * chain: SHA-256(chain of the segment before ‖ digest), 32 zero bytes before the first. Two stores of one job hold
 *        the same primes exactly when their last chains are equal.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/problem.h"
#include "store/footer.h"

/* Bounds what is read at once: about 600,000 segments. */
#define MANIFEST_SIZE_MAX (64U << 20)

typedef struct ManifestEntry {
        uint64_t number, first_block, n_blocks, n_primes, rank;
        uint8_t digest[SHA256_SIZE];
        uint8_t chain[SHA256_SIZE];
} ManifestEntry;

typedef struct Manifest {
        ManifestEntry *entries;
        size_t n_entries, n_allocated;
} Manifest;

#define MANIFEST_EMPTY ((Manifest) {})

void manifest_done(Manifest *manifest);

/* The footer's number must be manifest->n_entries. 0 or -ENOMEM. */
int manifest_append(Manifest *manifest, const Footer *footer);

/* Primes in all listed segments. */
uint64_t manifest_primes(const Manifest *manifest);

/* The caller frees. 0 or -ENOMEM. */
int manifest_encode(const Manifest *manifest, const uint8_t job_digest[static SHA256_SIZE], uint8_t **ret,
                    size_t *ret_size);

/*
 * 0, and the caller gives `ret` to manifest_done(); -EBADMSG, -EPROTONOSUPPORT, -EEXIST as file_header_check(),
 * -ENOMEM. Ranks and chains are checked.
 */
int manifest_decode(const uint8_t *data, size_t size, const uint8_t job_digest[static SHA256_SIZE], Manifest *ret,
                    Problem *problem);

/* Reads and decodes the file in the folder `dir_fd`, called `path` in sentences. Without the file: empty. */
int manifest_read(int dir_fd, const char *path, const uint8_t job_digest[static SHA256_SIZE], Manifest *ret,
                  Problem *problem);
