/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Footers of segments. First byte: odd, then size, magic and checksum at the end are made right, so that the fuzzer
 * gets past them. What is accepted must be written the same way again.
 */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "store/footer.h"

/* Magics, size, checksum, and the digest of the index, which no input would hit upon. */
static void mend(uint8_t *copy, size_t n) {
        const size_t size = footer_size(0, STORE_KEEP_DIGEST), fixed = size - 24;
        uint8_t frame[512];
        uint64_t n_blocks;

        if (size > sizeof frame)
                abort();
        footer_encode(&(Footer) { .keep = STORE_KEEP_DIGEST }, frame);
        memcpy(copy, frame, 8);
        memcpy(copy + n - 16, frame + size - 16, 8);
        put_le64(copy + n - 24, n);
        n_blocks = get_le64(copy + 16);
        if (n_blocks <= (n - size) / BLOCK_ENTRY_SIZE)
                checksum_sha256(copy + fixed, (size_t) n_blocks * BLOCK_ENTRY_SIZE, copy + 192);
        put_le64(copy + n - 8, checksum_xxh3(copy, n - 8));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t *copy, *again;
        Footer footer;
        size_t n;

        if (size == 0)
                return 0;
        n = size - 1;
        copy = malloc(n + 1);
        if (!copy)
                return 0;
        memcpy(copy, data + 1, n);
        if ((data[0] & 1) && n >= footer_size(0, STORE_KEEP_DIGEST))
                mend(copy, n);

        if (footer_decode(copy, n, &footer) == 0) {
                size_t n_again = footer_size(footer.n_blocks, footer.keep);

                again = malloc(n_again);
                if (again) {
                        footer_encode(&footer, again);
                        if (n_again > n || memcmp(copy + n - n_again, again, n_again) != 0)
                                abort();
                        free(again);
                }
                footer_done(&footer);
        }
        free(copy);
        return 0;
}
