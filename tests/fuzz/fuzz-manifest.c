/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The manifest. First byte: odd, then header and checksum are made right, so that the fuzzer gets past them. What is
 * accepted must be written the same way again.
 */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "store/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const uint8_t job[SHA256_SIZE];
        Problem problem = PROBLEM_NONE;
        uint8_t *copy, *again;
        Manifest manifest;
        size_t n, n_again;

        if (size == 0)
                return 0;
        n = size - 1;
        copy = malloc(n + 1);
        if (!copy)
                return 0;
        memcpy(copy, data + 1, n);
        if ((data[0] & 1) && n >= FILE_HEADER_SIZE + 8) {
                file_header_encode(FILE_MANIFEST, 0, job, copy);
                put_le64(copy + n - 8, checksum_xxh3(copy, n - 8));
        }

        if (manifest_decode(copy, n, job, &manifest, &problem) == 0) {
                if (manifest_encode(&manifest, job, &again, &n_again) == 0) {
                        if (n != n_again || memcmp(copy, again, n) != 0)
                                abort();
                        free(again);
                }
                manifest_done(&manifest);
        } else if (problem.text[0] == '\0')
                abort(); /* refused without a sentence */
        free(copy);
        return 0;
}
