/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Candidates: the masks of undropped positions, and the walk over a bitmap by chunks.
 *
 * The mask of all 51 primes from 7 to 251 has far too long a period to be stored, but that of two or three primes has
 * not: 25 tables, of 264 KB in all, stay in the cache of the second level, and a chunk's mask is the AND of a window
 * into each of them. Small primes are paired with large ones, which keeps the sum of the products small.
 *
 * The tables begin at 0, so the window of a bitmap that begins at `start` is at (start / 30) mod period. Each table
 * goes on for one chunk behind its period, so that no window has to be put together from two ends.
 */

#include "prime/pack/candidates.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/pack/candidates-kernel.h"
#include "prime/variant.h"

#define PRIME_MAX 251
#define FACTORS_MAX 3
#define TABLE_BYTES (264109 + N_CANDIDATE_TABLES * CANDIDATE_CHUNK) /* the sum of the periods; see tables_new() */

/* The primes of each table. */
static const uint8_t factors[N_CANDIDATE_TABLES][FACTORS_MAX] = {
        {  7, 11, 13 },
        {  17, 251 }, {  19, 241 }, {  23, 239 }, {  29, 233 }, {  31, 229 }, {  37, 227 }, {  41, 223 }, {  43, 211 },
        {  47, 199 }, {  53, 197 }, {  59, 193 }, {  61, 191 }, {  67, 181 }, {  71, 179 }, {  73, 173 }, {  79, 167 },
        {  83, 163 }, {  89, 157 }, {  97, 151 }, { 101, 149 }, { 103, 139 }, { 107, 137 }, { 109, 131 }, { 113, 127 },
};

struct CandidateTables {
        uint32_t periods[N_CANDIDATE_TABLES];
        const uint8_t *tables[N_CANDIDATE_TABLES];
        uint8_t exempt[PRIME_MAX / 30 + 1]; /* the bits of the primes themselves, from 0 on */
        CandidateBytes bytes;
        uint8_t memory[TABLE_BYTES];
};

/* Where a walk over a bitmap stands. */
typedef struct CandidateWalk {
        const CandidateTables *tables;
        const CandidateKernel *kernel;
        uint32_t offsets[N_CANDIDATE_TABLES];
        size_t n_exempt; /* how many of the next chunk's first bytes have exempt bits: the last of `exempt` */
} CandidateWalk;

/* Drops the multiples of `prime` from a table. */
static void table_drop(uint8_t *table, uint32_t n_bytes, unsigned prime) {
        uint8_t pattern[PRIME_MAX];

        for (unsigned k = 0; k < prime; k++) {
                pattern[k] = 0;
                for (unsigned i = 0; i < 8; i++)
                        if ((30 * k + bitmap_residues[i]) % prime != 0)
                                pattern[k] |= (uint8_t) (1U << i);
        }
        for (uint32_t k = 0, phase = 0; k < n_bytes; k++) {
                table[k] &= pattern[phase];
                phase = phase + 1 < prime ? phase + 1 : 0;
        }
}

/* The lowest bit of a mask, and what is known of the mask without it. */
static void bytes_init(CandidateBytes *bytes) {
        for (unsigned mask = 1; mask < 256; mask++) {
                unsigned low = (unsigned) __builtin_ctz(mask), rest = mask & (mask - 1);

                for (unsigned value = 0; value < 256; value++) {
                        bytes->squeeze[mask][value] = (uint8_t) ((value >> low & 1) | bytes->squeeze[rest][value] << 1);
                        bytes->spread[mask][value] = (uint8_t) ((value & 1) << low | bytes->spread[rest][value >> 1]);
                }
        }
}

static CandidateTables *tables_new(void) {
        CandidateTables *tables = calloc(1, sizeof *tables);
        uint8_t *memory;

        if (!tables)
                return NULL;
        memory = tables->memory;
        for (unsigned t = 0; t < N_CANDIDATE_TABLES; t++) {
                uint32_t period = 1, n_bytes;

                for (unsigned i = 0; i < FACTORS_MAX && factors[t][i] > 0; i++)
                        period *= factors[t][i];
                n_bytes = period + CANDIDATE_CHUNK;
                assert(memory + n_bytes <= tables->memory + sizeof tables->memory);
                memset(memory, 0xff, n_bytes);
                for (unsigned i = 0; i < FACTORS_MAX && factors[t][i] > 0; i++) {
                        unsigned prime = factors[t][i];

                        table_drop(memory, n_bytes, prime);
                        tables->exempt[prime / 30] |= (uint8_t) (1U << bitmap_residue_bit[prime % 30]);
                }
                tables->periods[t] = period;
                tables->tables[t] = memory;
                memory += n_bytes;
        }
        bytes_init(&tables->bytes);
        return tables;
}

const CandidateTables *candidate_tables(void) {
        static _Atomic(CandidateTables *) shared;
        CandidateTables *tables = atomic_load(&shared), *first = NULL;

        if (tables)
                return tables;
        tables = tables_new();
        if (!tables)
                return NULL;
        if (atomic_compare_exchange_strong(&shared, &first, tables))
                return tables;
        free(tables); /* another thread was faster */
        return first;
}

const CandidateKernel *candidate_kernel(size_t i) {
        static const CandidateKernel *const kernels[] = {
#if defined(__x86_64__)
                &candidates_avx2_bmi2,
                &candidates_avx2,
#endif
                &candidates_portable,
        };

        return VARIANT_AT(kernels, i);
}

const char *candidate_kernel_name(const CandidateKernel *kernel) {
        return kernel->name;
}

static void walk_init(CandidateWalk *walk, const CandidateTables *tables, const CandidateKernel *kernel,
                      const mpz_t start) {
        mpz_t first_byte;

        assert(mpz_divisible_ui_p(start, 30));

        mpz_init(first_byte);
        mpz_divexact_ui(first_byte, start, 30);
        *walk = (CandidateWalk) { .tables = tables, .kernel = kernel };
        for (unsigned t = 0; t < N_CANDIDATE_TABLES; t++)
                walk->offsets[t] = (uint32_t) mpz_fdiv_ui(first_byte, tables->periods[t]);
        if (mpz_cmp_ui(first_byte, sizeof tables->exempt) < 0)
                walk->n_exempt = sizeof tables->exempt - mpz_get_ui(first_byte);
        mpz_clear(first_byte);
}

/* The mask of the next `n_bytes` (at most a chunk) of the bitmap; none of what is behind them. */
static void walk_next_mask(CandidateWalk *walk, size_t n_bytes, uint8_t ret_mask[static CANDIDATE_CHUNK]) {
        const CandidateTables *tables = walk->tables;
        const uint8_t *at[N_CANDIDATE_TABLES];

        for (unsigned t = 0; t < N_CANDIDATE_TABLES; t++) {
                uint32_t next = walk->offsets[t] + CANDIDATE_CHUNK;

                at[t] = tables->tables[t] + walk->offsets[t];
                walk->offsets[t] = next >= tables->periods[t] ? next - tables->periods[t] : next;
        }
        walk->kernel->mask(at, ret_mask);

        for (size_t i = 0; i < walk->n_exempt; i++)
                ret_mask[i] |= tables->exempt[sizeof tables->exempt - walk->n_exempt + i];
        walk->n_exempt = 0;
        memset(ret_mask + n_bytes, 0, CANDIDATE_CHUNK - n_bytes);
}

bool candidates_extract(const CandidateTables *tables, const CandidateKernel *kernel, const mpz_t start,
                        const uint8_t *bitmap, size_t n_bytes, uint8_t *ret_stream, uint64_t *ret_n_bits) {
        uint8_t mask[CANDIDATE_CHUNK], tail[CANDIDATE_CHUNK];
        BitSink sink = { .out = ret_stream };
        CandidateWalk walk;
        uint64_t lost = 0;

        walk_init(&walk, tables, kernel, start);
        for (size_t done = 0; done < n_bytes && lost == 0; done += CANDIDATE_CHUNK) {
                size_t n = MIN(n_bytes - done, (size_t) CANDIDATE_CHUNK);
                const uint8_t *chunk = bitmap + done;

                if (n < CANDIDATE_CHUNK) {
                        memset(tail, 0, sizeof tail);
                        memcpy(tail, chunk, n);
                        chunk = tail;
                }
                walk_next_mask(&walk, n, mask);
                lost = kernel->extract(&tables->bytes, mask, chunk, &sink);
        }
        put_le64(sink.out, sink.kept);
        *ret_n_bits = (uint64_t) (sink.out - ret_stream) * 8 + sink.n_kept;
        return lost == 0;
}

uint64_t candidates_deposit(const CandidateTables *tables, const CandidateKernel *kernel, const mpz_t start,
                            const uint8_t *stream, uint8_t *ret_bitmap, size_t n_bytes) {
        uint8_t mask[CANDIDATE_CHUNK], tail[CANDIDATE_CHUNK];
        BitSource source = { .in = stream };
        CandidateWalk walk;

        walk_init(&walk, tables, kernel, start);
        for (size_t done = 0; done < n_bytes; done += CANDIDATE_CHUNK) {
                size_t n = MIN(n_bytes - done, (size_t) CANDIDATE_CHUNK);

                walk_next_mask(&walk, n, mask);
                kernel->deposit(&tables->bytes, mask, &source, n < CANDIDATE_CHUNK ? tail : ret_bitmap + done);
                if (n < CANDIDATE_CHUNK)
                        memcpy(ret_bitmap + done, tail, n);
        }
        return source.at;
}
