/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The shape of a result.
 *
 * The multiples of 7, 11 and 13 repeat every 30·7·11·13 numbers, which are 1001 bytes of bitmap, and likewise those of
 * the other small primes: a few tables, made at start, and an AND with them at the right phase, find most noise and
 * every shifted or exchanged block that its digest vouches for. The small primes themselves are the exception of the
 * first block: they are in its bytes 0 and 1.
 */

#include "audit/shape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit/density.h"
#include "audit/sample.h"
#include "base/cleanup.h"
#include "prime/bitmap.h"
#include "prime/number.h"

#define TABLE_PERIODS_BYTES 4096 /* tables hold so many bytes of whole periods at least, to run through in one go */

/* Bits of the multiples of up to three primes. */
typedef struct Multiples {
        unsigned primes[3];
        size_t period; /* bytes: the product of the primes */
        size_t phase;  /* of the first byte of the block that was checked last */
        uint8_t bits[TABLE_PERIODS_BYTES + 1024 + sizeof(uint64_t)];
} Multiples;

#define N_MULTIPLES 4
#define SMALL_PRIMES_BYTES 2 /* from 0 on: 31 is the last of these primes */

struct Auditor {
        Packer *packer;
        Sampler sampler;
        uint8_t bitmap[GRID_BLOCK_BYTES_MAX];
        Multiples multiples[N_MULTIPLES];
        mpz_t start, end;
};

static void multiples_init(Multiples *multiples, const unsigned primes[static 3]) {
        multiples->period = 1;
        for (unsigned i = 0; i < 3; i++) {
                multiples->primes[i] = primes[i];
                multiples->period *= primes[i];
        }
        memset(multiples->bits, 0, sizeof multiples->bits);
        for (size_t byte = 0; byte < sizeof multiples->bits; byte++)
                for (unsigned bit = 0; bit < 8; bit++)
                        for (unsigned i = 0; i < 3; i++)
                                if (primes[i] > 1 && (30 * byte + bitmap_residues[bit]) % primes[i] == 0)
                                        multiples->bits[byte] |= (uint8_t) (1U << bit);
}

Auditor *auditor_new(void) {
        static const unsigned primes[N_MULTIPLES][3] = { { 7, 11, 13 }, { 17, 19, 1 }, { 23, 29, 1 }, { 31, 1, 1 } };
        Auditor *auditor = malloc(sizeof *auditor);
        int r;

        if (!auditor)
                return NULL;
        mpz_inits(auditor->start, auditor->end, NULL);
        for (unsigned i = 0; i < N_MULTIPLES; i++)
                multiples_init(auditor->multiples + i, primes[i]);
        r = sampler_init(&auditor->sampler);
        auditor->packer = packer_new();
        return r < 0 || !auditor->packer ? auditor_free(auditor) : auditor;
}

Auditor *auditor_free(Auditor *auditor) {
        if (!auditor)
                return NULL;
        packer_free(auditor->packer);
        sampler_done(&auditor->sampler);
        mpz_clears(auditor->start, auditor->end, NULL);
        free(auditor);
        return NULL;
}

const uint8_t *auditor_bitmap(const Auditor *auditor) {
        return auditor->bitmap;
}

/* Is a bit set that the table has too? The first byte is at the table's phase; bytes before `skip` do not count. */
static bool multiples_meet(const Multiples *multiples, const uint8_t *bitmap, size_t n_bytes, size_t skip) {
        size_t span = TABLE_PERIODS_BYTES / multiples->period * multiples->period + multiples->period;
        uint64_t found = 0, a, b;

        for (size_t at = skip; at < n_bytes;) {
                const uint8_t *bits = multiples->bits + (multiples->phase + at) % multiples->period;
                size_t n = MIN(n_bytes - at, span - (size_t) (bits - multiples->bits)), i = 0;

                for (; i + sizeof a <= n; i += sizeof a) {
                        memcpy(&a, bitmap + at + i, sizeof a);
                        memcpy(&b, bits + i, sizeof b);
                        found |= a & b;
                }
                for (; i < n; i++)
                        found |= bitmap[at + i] & bits[i];
                at += n;
        }
        return found != 0;
}

/* How many bytes of a bitmap that starts there hold small primes, which are multiples of themselves. */
static size_t count_small_bytes(const Auditor *auditor, size_t n_bytes) {
        unsigned long first;

        if (mpz_cmp_ui(auditor->start, 30 * SMALL_PRIMES_BYTES) >= 0)
                return 0;
        first = mpz_get_ui(auditor->start) / 30;
        return MIN(n_bytes, (size_t) (SMALL_PRIMES_BYTES - first));
}

static bool has_multiples(Auditor *auditor, size_t n_bytes) {
        /* 1 is no prime, nor is 49, and there is no other composite below 60 that has a bit */
        static const uint8_t composites[SMALL_PRIMES_BYTES] = { 0x01, 0x20 };
        size_t n_small = count_small_bytes(auditor, n_bytes);
        uint8_t found = 0;

        for (size_t i = 0; i < n_small; i++)
                found |= auditor->bitmap[i] & composites[mpz_get_ui(auditor->start) / 30 + i];
        for (unsigned i = 0; i < N_MULTIPLES; i++) {
                Multiples *multiples = auditor->multiples + i;

                multiples->phase = mpz_fdiv_ui(auditor->start, 30 * multiples->period) / 30;
                found |= multiples_meet(multiples, auditor->bitmap, n_bytes, n_small);
        }
        return found != 0;
}

/* The bits that has_multiples() looked at in this byte. */
static uint8_t auditor_covered(const void *userdata, size_t index) {
        const Auditor *auditor = userdata;
        uint8_t bits = 0;

        for (unsigned i = 0; i < N_MULTIPLES; i++)
                bits |= auditor->multiples[i].bits[(auditor->multiples[i].phase + index) %
                                                   auditor->multiples[i].period];
        return bits;
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

        if (claim->certainty != certainty_at(claim->asked, auditor->end))
                return problem_set(problem, EBADMSG, "block %" PRIu64 " claims the wrong certainty", claim->sequence);
        if (pack_unpack(auditor->packer, claim->codec, auditor->start, claim->packed, claim->packed_size,
                        auditor->bitmap, n_bytes) < 0)
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
                return problem_set(problem, EBADMSG, "block %" PRIu64 " calls a multiple of a prime below 32 prime",
                                   claim->sequence);
        if (has_strangers(auditor, &block, n_bytes, n_set))
                return problem_set(problem, EBADMSG, "block %" PRIu64 " has primes outside of the job",
                                   claim->sequence);
        if (!density_is_plausible(auditor->start, block.low, block.high, count))
                return problem_set(problem, EBADMSG, "block %" PRIu64 " has %" PRIu64 " primes, where about %.0f are "
                                   "to be expected", claim->sequence, count,
                                   density_expected(auditor->start, block.low, block.high));
        return 0;
}

int auditor_check_samples(Auditor *auditor, const Grid *grid, uint64_t sequence, Problem *problem) {
        Problem own = PROBLEM_NONE;
        GridBlock block;
        int r;

        grid_block(grid, sequence, auditor->start, &block);
        r = sampler_check(&auditor->sampler, auditor->start, &block, auditor->bitmap, auditor_covered, auditor, &own);
        if (r < 0)
                return problem_set(problem, r, "block %" PRIu64 " is wrong: %s", sequence, own.text);
        return 0;
}

const char *audit_checks(const Grid *grid, uint64_t sequence) {
        _cleanup_mpz_ mpz_t end;
        GridBlock block;

        mpz_init(end);
        grid_block(grid, sequence, end, &block);
        number_add_u64(end, end, block.high);
        return sampler_budget(mpz_sizeinbase(end, 2)) > 0 ? "shape+sampled" : "shape";
}
