/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From bytes to blocks.
 *
 * A packed bitmap comes close to the entropy of its undropped positions (prime/pack.h): with primes up to 251 dropped,
 * e^-γ / ln 251 of all numbers are left, and each is prime with the probability 1 / (share · ln n).
 *
 * The result is 2^k or 1.5 · 2^k: what the job's own size decides must be the same on every machine, whatever the last
 * bit of its logarithms, for two stores of one job are to be equal, and it stands in the file `job`.
 */

#include <math.h>

#include "base/macro.h"
#include "store/store.h"

#define CANDIDATE_SHARE 0.1016
#define DIGEST_SEGMENT_BLOCKS 16384 /* a footer of 256 KiB: a question reads one */

static double block_bytes(const Grid *grid, StoreKeep keep) {
        double header = RECORD_HEADER_SIZE + BLOCK_ENTRY_SIZE + 4, logarithm, density, entropy;

        if (keep == STORE_KEEP_DIGEST)
                return header;
        logarithm = (double) MAX(mpz_sizeinbase(grid->from, 2), (size_t) 30) * 0.693147;
        density = 1 / (logarithm * CANDIDATE_SHARE);
        entropy = -density * log2(density) - (1 - density) * log2(1 - density);
        return header + (double) grid->block_length * CANDIDATE_SHARE * entropy / 8;
}

uint64_t store_segment_blocks_for(const Grid *grid, uint64_t size_bytes, StoreKeep keep) {
        uint64_t most = keep == STORE_KEEP_DIGEST ? DIGEST_SEGMENT_BLOCKS : STORE_SEGMENT_BLOCKS_MAX, n_blocks = 1;
        double fit = (double) size_bytes / block_bytes(grid, keep);

        while (n_blocks * 2 <= most && (double) (n_blocks * 2) <= fit)
                n_blocks *= 2;
        if (n_blocks > 1 && n_blocks + n_blocks / 2 <= most && (double) (n_blocks + n_blocks / 2) <= fit)
                n_blocks += n_blocks / 2;
        return n_blocks;
}
