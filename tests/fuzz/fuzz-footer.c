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
        if ((data[0] & 1) && n >= footer_size(0)) {
                Footer empty = {};

                /* The tail of an empty footer has the magic. */
                again = malloc(footer_size(0));
                if (again) {
                        footer_encode(&empty, again);
                        memcpy(copy + n - 16, again + footer_size(0) - 16, 8);
                        free(again);
                }
                put_le64(copy + n - 24, n);
                put_le64(copy + n - 8, checksum_xxh3(copy, n - 8));
        }

        if (footer_decode(copy, n, &footer) == 0) {
                size_t n_again = footer_size(footer.n_blocks);

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
