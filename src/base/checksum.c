/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Checksums: thin names over libxxhash and Nettle, so that nobody else has to know which library it is. Nettle is what
 * GnuTLS hashes with, too; but a program that only reads a store need not load GnuTLS, which costs 2 ms at each start.
 */

#include "base/checksum.h"

#include <assert.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <xxhash.h>

/* Nettle's short names for its functions; ours are functions of their own. */
#undef sha256_update

static_assert(SHA256_SIZE == SHA256_DIGEST_SIZE, "a digest is a digest");

struct Sha256 {
        struct sha256_ctx context;
};

uint64_t checksum_xxh3(const void *data, size_t size) {
        return XXH3_64bits(data, size);
}

void checksum_sha256(const void *data, size_t size, uint8_t ret[static SHA256_SIZE]) {
        checksum_sha256_pair(data, size, NULL, 0, ret);
}

void checksum_sha256_pair(const void *a, size_t a_size, const void *b, size_t b_size, uint8_t ret[static SHA256_SIZE]) {
        struct sha256_ctx context;

        nettle_sha256_init(&context);
        if (a_size > 0)
                nettle_sha256_update(&context, a_size, a);
        if (b_size > 0)
                nettle_sha256_update(&context, b_size, b);
        nettle_sha256_digest(&context, SHA256_SIZE, ret);
}

Sha256 *sha256_new(void) {
        Sha256 *sha256 = malloc(sizeof *sha256);

        if (sha256)
                nettle_sha256_init(&sha256->context);
        return sha256;
}

Sha256 *sha256_free(Sha256 *sha256) {
        free(sha256);
        return NULL;
}

void sha256_update(Sha256 *sha256, const void *data, size_t size) {
        if (size > 0)
                nettle_sha256_update(&sha256->context, size, data);
}

void sha256_finish(Sha256 *sha256, uint8_t ret[static SHA256_SIZE]) {
        nettle_sha256_digest(&sha256->context, SHA256_SIZE, ret);
}
