/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The shape of a result.
 *
 * The multiples of 7, 11 and 13 repeat every 30·7·11·13 numbers, which are 1001 bytes of bitmap: one table, made at
 * start, and an AND with it at the right phase, finds most noise and every shifted or exchanged block that its
 * digest vouches for. The primes 7, 11 and 13 themselves are the exception of the first block.
 */

#include "audit/shape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "prime/bitmap.h"
#include "prime/number.h"

#define PERIOD_BYTES (7 * 11 * 13)

struct Auditor {
        Packer *packer;
        uint8_t bitmap[GRID_BLOCK_BYTES_MAX];
        uint8_t multiples[PERIOD_BYTES]; /* bits of the multiples of 7, 11 and 13 */
        mpz_t start, end;
};

Auditor *auditor_new(void) {
        Auditor *auditor = malloc(sizeof *auditor);

        if (!auditor)
                return NULL;
        memset(auditor->multiples, 0, sizeof auditor->multiples);
        mpz_inits(auditor->start, auditor->end, NULL);
        auditor->packer = packer_new();
        if (!auditor->packer)
                return auditor_free(auditor);

        for (unsigned byte = 0; byte < PERIOD_BYTES; byte++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        unsigned n = 30 * byte + bitmap_residues[bit];

                        if (n % 7 == 0 || n % 11 == 0 || n % 13 == 0)
                                auditor->multiples[byte] |= (uint8_t) (1U << bit);
                }
        return auditor;
}

Auditor *auditor_free(Auditor *auditor) {
        if (!auditor)
                return NULL;
        packer_free(auditor->packer);
        mpz_clears(auditor->start, auditor->end, NULL);
        free(auditor);
        return NULL;
}

const uint8_t *auditor_bitmap(const Auditor *auditor) {
        return auditor->bitmap;
}

/* Is some bit set that stands for a multiple of 7, 11 or 13? The first byte of the bitmap has phase start/30. */
static bool has_multiples(const Auditor *auditor, size_t n_bytes) {
        unsigned phase = (unsigned) mpz_fdiv_ui(auditor->start, 30 * PERIOD_BYTES) / 30;
        size_t at = 0;
        uint8_t found = 0;

        /* 7, 11 and 13 are bits 1, 2 and 3 of the very first byte. */
        if (mpz_sgn(auditor->start) == 0 && n_bytes > 0) {
                found = auditor->bitmap[0] & auditor->multiples[0] & 0xf1;
                at = 1;
                phase = 1;
        }
        while (at < n_bytes) {
                size_t n = MIN(n_bytes - at, (size_t) (PERIOD_BYTES - phase));

                for (size_t i = 0; i < n; i++)
                        found |= auditor->bitmap[at + i] & auditor->multiples[phase + i];
                at += n;
                phase = 0;
        }
        return found != 0;
}

/* Is some bit set outside of [low, high)? Clipping must not change the number of bits. */
static bool has_strangers(Auditor *auditor, const GridBlock *block, size_t n_bytes, uint64_t n_set) {
        if (block->low == 0 && block->high == block->length)
                return false;
        bitmap_clip(auditor->bitmap, n_bytes, block->low, block->high);
        return bitmap_count(auditor->bitmap, n_bytes) != n_set;
}

int auditor_check_shape(Auditor *auditor, const Grid *grid, const Claim *claim, Problem *problem) {
        uint8_t digest[SHA256_SIZE];
        uint64_t n_set, count;
        GridBlock block;
        size_t n_bytes;

        if (claim->sequence >= grid->n_blocks)
                return problem_set(problem, ERANGE, "block %" PRIu64 " is not in the job", claim->sequence);
        grid_block(grid, claim->sequence, auditor->start, &block);
        number_add_u64(auditor->end, auditor->start, block.high);
        n_bytes = block.length / 30;

        if (claim->certainty != certainty_of(auditor->end))
                return problem_set(problem, EBADMSG, "block %" PRIu64 " claims the wrong certainty", claim->sequence);
        if (pack_unpack(auditor->packer, claim->codec, claim->packed, claim->packed_size, auditor->bitmap, n_bytes) < 0)
                return problem_set(problem, EBADMSG, "block %" PRIu64 " does not unpack to %zu bytes",
                                   claim->sequence, n_bytes);
        checksum_sha256(auditor->bitmap, n_bytes, digest);
        if (memcmp(digest, claim->digest, sizeof digest) != 0)
                return problem_set(problem, EBADMSG, "block %" PRIu64 " does not have the digest it claims",
                                   claim->sequence);
        n_set = bitmap_count(auditor->bitmap, n_bytes);
        count = n_set + bitmap_small_primes(&block, mpz_sgn(auditor->start) == 0);
        if (count != claim->count)
                return problem_set(problem, EBADMSG, "block %" PRIu64 " claims %" PRIu64 " primes but has %" PRIu64,
                                   claim->sequence, claim->count, count);
        if (has_multiples(auditor, n_bytes))
                return problem_set(problem, EBADMSG, "block %" PRIu64 " calls a multiple of 7, 11 or 13 prime",
                                   claim->sequence);
        if (has_strangers(auditor, &block, n_bytes, n_set))
                return problem_set(problem, EBADMSG, "block %" PRIu64 " has primes outside of the job",
                                   claim->sequence);
        return 0;
}
