/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The first thing that a sieve writes: a bitmap without the multiples of the primes from 7 to PRESIEVE_PRIME_MAX. These
 * primes themselves count as multiples here; a caller whose bitmap holds them sets their bits again.
 */

#include <stddef.h>
#include <stdint.h>

#include "prime/sieve/dividend.h"

#define PRESIEVE_PRIME_MAX 163
#define PRESIEVE_BYTES 6 /* of the bitmap from 0 on: so many hold the primes up to PRESIEVE_PRIME_MAX */
#define N_PRESIEVE_TABLES 17

typedef struct PresieveTables PresieveTables;
typedef struct PresieveKernel PresieveKernel; /* presieve-kernel.h */

/* Made by the first caller, then shared by all threads for ever. NULL when out of memory. */
const PresieveTables *presieve_tables(void);

/* The i-th way to do it that this processor knows, the fastest first; NULL behind the last. All give the same bytes. */
const PresieveKernel *presieve_kernel(size_t i);
const char *presieve_kernel_name(const PresieveKernel *kernel);

/* A walk over consecutive bytes. */
typedef struct Presieve {
        const PresieveTables *tables;
        const PresieveKernel *kernel;
        uint32_t offsets[N_PRESIEVE_TABLES];
} Presieve;

/* Begins `skip` bytes behind the byte whose index, start / 30, is `start_byte`. */
void presieve_init(Presieve *presieve, const PresieveTables *tables, const PresieveKernel *kernel,
                   const Dividend *start_byte, uint64_t skip);
void presieve_fill(Presieve *presieve, uint8_t *ret_bitmap, size_t n_bytes);
