/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Two checksums, for two purposes: XXH3 finds accidents (torn writes, flipped bits), SHA-256 names contents
 * (blocks, segments, keys) against accident and malice.
 */

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

/* XXH3-64 of `data`. */
uint64_t checksum_xxh3(const void *data, size_t size);

/* SHA-256 of `data`. Cannot fail. */
void checksum_sha256(const void *data, size_t size, uint8_t ret[static SHA256_SIZE]);

/* SHA-256 of two stretches, one behind the other. */
void checksum_sha256_pair(const void *a, size_t a_size, const void *b, size_t b_size, uint8_t ret[static SHA256_SIZE]);

/* SHA-256 in pieces. */
typedef struct Sha256 Sha256;

Sha256 *sha256_new(void); /* NULL when out of memory */
Sha256 *sha256_free(Sha256 *sha256);
void sha256_update(Sha256 *sha256, const void *data, size_t size);
void sha256_finish(Sha256 *sha256, uint8_t ret[static SHA256_SIZE]); /* ready for a new message afterwards */
