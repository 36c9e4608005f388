/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The job file. First byte: odd, then a right checksum line is put behind the rest, so that the fuzzer gets past it.
 * What is accepted must be written the same way again.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "fuzz/fuzz.h"
#include "store/job-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text, *again;
        uint64_t segment_blocks;
        Problem problem = PROBLEM_NONE;
        size_t n, n_again;
        Grid grid;

        /* Longer numbers only make it slow. */
        if (size == 0 || size > 4096)
                return 0;
        n = size - 1;
        text = malloc(n + 64);
        if (!text)
                return 0;
        memcpy(text, data + 1, n);
        text[n] = '\0';
        if (data[0] & 1)
                n += (size_t) sprintf(text + n, "checksum=%016" PRIx64 "\n", checksum_xxh3(text, n));

        if (job_file_decode(text, n, &grid, &segment_blocks, &problem) == 0) {
                if (job_file_encode(&grid, segment_blocks, &again, &n_again) == 0) {
                        if (n != n_again || memcmp(text, again, n) != 0)
                                abort();
                        free(again);
                }
                grid_done(&grid);
        } else if (problem.text[0] == '\0')
                abort(); /* refused without a sentence */
        free(text);
        return 0;
}
