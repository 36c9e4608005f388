/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Small primes have so many multiples that crossing them off one by one would be half of all work. Their pattern
 * repeats: in a wheel-30 bitmap that of a prime p has a period of p bytes, that of two primes p and q one of p·q bytes.
 * So the patterns of the primes up to 163 are made once, in 17 tables of two or three primes each, of 85 KB in all,
 * and a fresh piece of bitmap is the AND of one window into each of them: 17 loads of a vector instead of about three
 * hundred single bits per 32 bytes.
 *
 * The tables begin at 0, so the window of a bitmap that begins at `start` is at (start / 30) mod period. Each table
 * goes on for one chunk behind its period, so that no window has to be put together from two ends. Small primes are
 * paired with large ones, which keeps the sum of the products small.
 *
 * The method is that of primesieve (Kim Walisch, "PreSieve"), and of earlier sieves with one table.
 */

#include "prime/sieve/presieve.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/sieve/presieve-kernel.h"
#include "prime/variant.h"

#define FACTORS_MAX 3
#define PERIODS_SUM 85151 /* of all tables; see tables_new() */

/* The primes of each table. */
static const uint8_t factors[N_PRESIEVE_TABLES][FACTORS_MAX] = {
        { 7, 11, 13 }, { 17, 163 }, { 19, 157 }, { 23, 151 }, { 29, 149 }, { 31, 139 },
        { 37, 137 },   { 41, 131 }, { 43, 127 }, { 47, 113 }, { 53, 109 }, { 59, 107 },
        { 61, 103 },   { 67, 101 }, { 71, 97 },  { 73, 89 },  { 79, 83 },
};

struct PresieveTables {
        uint32_t periods[N_PRESIEVE_TABLES];
        const uint8_t *tables[N_PRESIEVE_TABLES];
        uint8_t memory[PERIODS_SUM + N_PRESIEVE_TABLES * PRESIEVE_CHUNK];
};

/* Drops the multiples of `prime` from a table. */
static void table_drop(uint8_t *table, uint32_t n_bytes, unsigned prime) {
        uint8_t pattern[PRESIEVE_PRIME_MAX];

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

static PresieveTables *tables_new(void) {
        PresieveTables *tables = malloc(sizeof *tables);
        uint8_t *memory;

        if (!tables)
                return NULL;
        memory = tables->memory;
        for (unsigned t = 0; t < N_PRESIEVE_TABLES; t++) {
                uint32_t period = 1, n_bytes;

                for (unsigned i = 0; i < FACTORS_MAX && factors[t][i] > 0; i++)
                        period *= factors[t][i];
                n_bytes = period + PRESIEVE_CHUNK;
                assert(period >= PRESIEVE_CHUNK && memory + n_bytes <= tables->memory + sizeof tables->memory);
                memset(memory, 0xff, n_bytes);
                for (unsigned i = 0; i < FACTORS_MAX && factors[t][i] > 0; i++)
                        table_drop(memory, n_bytes, factors[t][i]);
                tables->periods[t] = period;
                tables->tables[t] = memory;
                memory += n_bytes;
        }
        return tables;
}

const PresieveTables *presieve_tables(void) {
        static _Atomic(PresieveTables *) shared;
        PresieveTables *tables = atomic_load(&shared), *first = NULL;

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

static bool always(void) {
        return true;
}

static void fill_portable(const uint8_t *const at[N_PRESIEVE_TABLES], uint8_t *ret) {
        for (unsigned i = 0; i < PRESIEVE_CHUNK; i += 8) {
                uint64_t word, next;

                memcpy(&word, at[0] + i, 8);
                for (unsigned t = 1; t < N_PRESIEVE_TABLES; t++) {
                        memcpy(&next, at[t] + i, 8);
                        word &= next;
                }
                memcpy(ret + i, &word, 8);
        }
}

const PresieveKernel presieve_portable = { .name = "portable", .is_usable = always, .fill = fill_portable };

const PresieveKernel *presieve_kernel(size_t i) {
        static const PresieveKernel *const kernels[] = {
#if defined(__x86_64__)
                &presieve_avx2,
                &presieve_sse2,
#endif
#if defined(__aarch64__)
                &presieve_neon,
#endif
                &presieve_portable,
        };

        return VARIANT_AT(kernels, i);
}

const char *presieve_kernel_name(const PresieveKernel *kernel) {
        return kernel->name;
}

void presieve_init(Presieve *presieve, const PresieveTables *tables, const PresieveKernel *kernel,
                   const Dividend *start_byte, uint64_t skip) {
        *presieve = (Presieve) { .tables = tables, .kernel = kernel };
        for (unsigned t = 0; t < N_PRESIEVE_TABLES; t++) {
                uint32_t period = tables->periods[t];

                presieve->offsets[t] = (uint32_t) ((dividend_modulo(start_byte, period) + skip % period) % period);
        }
}

void presieve_fill(Presieve *presieve, uint8_t *ret_bitmap, size_t n_bytes) {
        const PresieveTables *tables = presieve->tables;

        for (size_t done = 0; done < n_bytes;) {
                size_t n = MIN(n_bytes - done, (size_t) PRESIEVE_CHUNK);
                const uint8_t *at[N_PRESIEVE_TABLES];
                uint8_t rest[PRESIEVE_CHUNK];

                for (unsigned t = 0; t < N_PRESIEVE_TABLES; t++) {
                        uint32_t offset = presieve->offsets[t];

                        at[t] = tables->tables[t] + offset;
                        offset += (uint32_t) n;
                        presieve->offsets[t] = offset < tables->periods[t] ? offset : offset - tables->periods[t];
                }
                if (n == PRESIEVE_CHUNK) {
                        presieve->kernel->fill(at, ret_bitmap + done);
                } else {
                        presieve->kernel->fill(at, rest);
                        memcpy(ret_bitmap + done, rest, n);
                }
                done += n;
        }
}
