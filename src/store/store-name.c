/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names of jobs and their folders. */

#include "store/store-name.h"

#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "prime/number.h"

#define DIGEST_BYTES 8

char *store_name(const mpz_t from, const mpz_t to) {
        _cleanup_free_ char *from_text = number_format(from), *to_text = to ? number_format(to) : strdup("open");
        char hex[2 * SHA256_SIZE + 1], *name;
        uint8_t digest[SHA256_SIZE];

        if (!from_text || !to_text || asprintf(&name, "%s-%s", from_text, to_text) < 0)
                return NULL;
        if (strlen(name) > STORE_NAME_MAX) {
                checksum_sha256(name, strlen(name), digest);
                (void) strcpy(name, text_hex(digest, DIGEST_BYTES, hex)); /* shorter than what it replaces */
        }
        return name;
}
