/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sizes that make the sieve fast on a machine. Any values are right; these are in bytes of bitmap or of memory. */

#include <stddef.h>
#include <stdint.h>

#include "base/cache.h"

typedef struct SieveTuning {
        uint32_t block_bytes;   /* stays in the first-level cache */
        uint32_t segment_bytes; /* stays in the second-level cache */
        uint32_t span_bytes;    /* stays in the third-level cache */
        uint32_t small_end;     /* primes below are crossed off block by block, */
        uint32_t medium_end;    /* … these segment by segment, */
        uint32_t large_end;     /* … these span by span, all others by lists of hits; from 2048 to TURN_PRIME_END */
        uint32_t region_bytes;  /* at least; hits are sorted by regions of so many bytes: a power of two */
        size_t hits_bytes;      /* for the hits of all threads, about, at most; 0: by the window and the memory limit */
} SieveTuning;

/* For this processor, as far as it tells by itself; without measuring. */
const SieveTuning *sieve_tuning_default(void);

SieveTuning sieve_tuning_for(CacheBytes caches);
