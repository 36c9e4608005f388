/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checksums: thin names over libxxhash and GnuTLS, so that nobody else has to know which library it is. */

#include "base/checksum.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <xxhash.h>

struct Sha256 {
        gnutls_hash_hd_t handle;
};

uint64_t checksum_xxh3(const void *data, size_t size) {
        return XXH3_64bits(data, size);
}

void checksum_sha256(const void *data, size_t size, uint8_t ret[static SHA256_SIZE]) {
        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, data, size, ret) < 0)
                abort(); /* SHA-256 is always there, in FIPS mode too */
}

void checksum_sha256_pair(const void *a, size_t a_size, const void *b, size_t b_size, uint8_t ret[static SHA256_SIZE]) {
        gnutls_hash_hd_t handle;

        if (gnutls_hash_init(&handle, GNUTLS_DIG_SHA256) < 0 || gnutls_hash(handle, a, a_size) < 0 ||
            gnutls_hash(handle, b, b_size) < 0)
                abort();
        gnutls_hash_deinit(handle, ret);
}

Sha256 *sha256_new(void) {
        Sha256 *sha256 = malloc(sizeof *sha256);

        if (!sha256)
                return NULL;
        if (gnutls_hash_init(&sha256->handle, GNUTLS_DIG_SHA256) < 0) {
                free(sha256);
                return NULL;
        }
        return sha256;
}

Sha256 *sha256_free(Sha256 *sha256) {
        if (sha256) {
                gnutls_hash_deinit(sha256->handle, NULL);
                free(sha256);
        }
        return NULL;
}

void sha256_update(Sha256 *sha256, const void *data, size_t size) {
        if (gnutls_hash(sha256->handle, data, size) < 0)
                abort();
}

void sha256_finish(Sha256 *sha256, uint8_t ret[static SHA256_SIZE]) {
        gnutls_hash_output(sha256->handle, ret);
}
