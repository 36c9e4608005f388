/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sizes that do well on processors of the last fifteen years. The block fills the first-level cache. Half of the second
 * level is for the segment, the rest for what turns run over its end and for the states of primes. A third level, where
 * there is one, lets primes that rarely hit a segment keep out of the lists: a hit there waits for that cache, but
 * others do at the same time, while one that is listed is written to memory and read again. Without it they may still
 * be somewhat larger than the segment: a prime that has two hits in it is better off there than in the lists. The list
 * of a region is worth while when the region has some hits in each cache line; 128 KiB is a good size everywhere, as
 * long as there are not too many regions.
 */

#include "prime/sieve/tuning.h"

#include <stdatomic.h>

#include "base/macro.h"

#define LEVEL1_BYTES_USUAL (32U << 10)
#define LEVEL2_BYTES_USUAL (512U << 10)
#define BLOCK_BYTES_MAX (64U << 10)
#define SPAN_BYTES_MAX (2U << 20)

SieveTuning sieve_tuning_for(CacheBytes caches) {
        uint32_t level1 = caches.level1 > 0 ? caches.level1 : LEVEL1_BYTES_USUAL, block = 16U << 10;
        uint32_t level2 = caches.level2 > 0 ? caches.level2 : LEVEL2_BYTES_USUAL, segment = 64U << 10, span;

        while (block < BLOCK_BYTES_MAX && block * 2 <= level1)
                block *= 2;
        while (segment < 512U << 10 && segment * 4 <= level2)
                segment *= 2;
        span = segment;
        while (span < SPAN_BYTES_MAX && span * 4 <= caches.level3)
                span *= 2;
        return (SieveTuning) {
                .block_bytes = block,
                .segment_bytes = segment,
                .span_bytes = span,
                .small_end = block,
                .medium_end = span > segment ? segment : segment * 4,
                .large_end = span > segment ? MAX(span, segment * 4) : segment * 4,
                .region_bytes = MIN(segment, 128U << 10),
        };
}

const SieveTuning *sieve_tuning_default(void) {
        static SieveTuning tuning;
        static atomic_int state; /* 0: empty, 1: being filled, 2: filled */
        int empty = 0;

        if (atomic_compare_exchange_strong(&state, &empty, 1)) {
                tuning = sieve_tuning_for(cache_bytes());
                atomic_store(&state, 2);
        }
        while (atomic_load(&state) != 2)
                ;
        return &tuning;
}
