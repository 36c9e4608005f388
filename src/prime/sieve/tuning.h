/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sizes that make the sieve fast on a machine. Any values are right; these are in bytes of bitmap or of memory. */

#include <stddef.h>
#include <stdint.h>

typedef struct SieveTuning {
        uint32_t block_bytes;   /* stays in the first-level cache */
        uint32_t segment_bytes; /* stays in the second-level cache */
        uint32_t small_end;     /* primes below are crossed off block by block, */
        uint32_t medium_end;    /* these segment by segment, all others by lists of hits; from 2048 to TURN_PRIME_END */
        uint32_t region_bytes;  /* at least; hits are sorted by regions of so many bytes: a power of two */
        size_t hits_bytes;      /* for the hits of all threads, about, at most; 0: by the window and the memory limit */
} SieveTuning;

/* For this processor, as far as it tells by itself; without measuring. */
const SieveTuning *sieve_tuning_default(void);

/* For a core with so many bytes in its second-level cache. */
SieveTuning sieve_tuning_for(uint32_t level2_bytes);

/* Bytes of the second-level cache for one core, or 0: it does not tell. In a file for each kind of processor. */
uint32_t tuning_level2_bytes(void);
