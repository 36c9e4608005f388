/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The base primes, of which multiples are crossed off: a wheel-30 bitmap from 0 on, in chunks that are made when they
 * are needed, by whoever needs them first, and then shared by all runs of the process.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prime/sieve/stretch.h"

#define BASE_CHUNK_BYTES (UINT32_C(1) << 19)
#define BASE_CHUNK_LENGTH (UINT64_C(30) * BASE_CHUNK_BYTES) /* numbers */
#define BASE_CHUNKS_MAX ((((UINT64_C(1) << 32) - 1) / BASE_CHUNK_LENGTH + 1)) /* that can be kept: up to 2^32 */
#define BASE_PRIME_END (UINT64_C(1) << 40) /* exclusive: no chunk may be asked for that lies behind */

typedef struct BasePrimes BasePrimes;

/* The process's one object, made by the first and freed by the last who has it. NULL when out of memory. */
BasePrimes *base_primes_ref(void);
BasePrimes *base_primes_unref(BasePrimes *base);

/* Bytes of the chunks that are kept at this time. */
size_t base_primes_bytes(const BasePrimes *base);

/*
 * Chunk `index`, that begins at index · BASE_CHUNK_LENGTH. One that is kept already is returned as it is; else it is
 * sieved by means of `stretch`, and kept if `keep` is set and index < BASE_CHUNKS_MAX, else written to `scratch`
 * (BASE_CHUNK_BYTES), which may be NULL if `keep` is set. Returns 0, -ECANCELED or -ENOMEM.
 */
int base_primes_chunk(BasePrimes *base, uint64_t index, bool keep, Stretch *stretch, const atomic_bool *cancel,
                      uint8_t *scratch, const uint8_t **ret);

DEFINE_TRIVIAL_CLEANUP_FUNC(BasePrimes *, base_primes_unref);
