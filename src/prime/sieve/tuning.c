/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sizes that do well on processors of the last fifteen years. They all have 32 KiB in the first-level cache, or more;
 * the second level differs. Half of it is for the segment, the rest for what turns run over its end and for the states
 * of primes. Medium primes may be larger than the segment: a prime that hits it four times is better off there than in
 * the lists. A region's list is worth while when the region has some hits in each cache line; 128 KiB is a good size
 * everywhere, as long as there are not too many regions.
 */

#include "prime/sieve/tuning.h"

#include <stdatomic.h>

#include "base/macro.h"
#include "prime/sieve/turns.h"

#define LEVEL2_BYTES_USUAL (512U << 10)

SieveTuning sieve_tuning_for(uint32_t level2_bytes) {
        uint32_t segment = 64U << 10; /* a power of two */

        while (segment < 512U << 10 && segment * 4 <= level2_bytes)
                segment *= 2;
        return (SieveTuning) {
                .block_bytes = 32 << 10,
                .segment_bytes = segment,
                .small_end = 32 << 10,
                .medium_end = MIN(segment * 4, TURN_PRIME_END),
                .region_bytes = MIN(segment, 128U << 10),
        };
}

const SieveTuning *sieve_tuning_default(void) {
        static SieveTuning tuning;
        static atomic_int state; /* 0: empty, 1: being filled, 2: filled */
        int empty = 0;

        if (atomic_compare_exchange_strong(&state, &empty, 1)) {
                uint32_t level2_bytes = tuning_level2_bytes();

                tuning = sieve_tuning_for(level2_bytes > 0 ? level2_bytes : LEVEL2_BYTES_USUAL);
                atomic_store(&state, 2);
        }
        while (atomic_load(&state) != 2)
                ;
        return &tuning;
}

#if !defined(__x86_64__)
uint32_t tuning_level2_bytes(void) {
        return 0;
}
#endif
