/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sizes for the sieve that nobody would choose, but that must give the same bits. */

#include "base/random.h"
#include "prime/sieve/tuning.h"
#include "prime/sieve/turns.h"

static inline SieveTuning tunings_draw(Random *random) {
        return (SieveTuning) {
                .block_bytes = 1 + (uint32_t) (random_below(random, 1 << 16) >> random_below(random, 10)),
                .segment_bytes = 1 + (uint32_t) (random_below(random, 1 << 19) >> random_below(random, 12)),
                .span_bytes = 1 + (uint32_t) (random_below(random, 1 << 21) >> random_below(random, 14)),
                .small_end = (uint32_t) (random_below(random, TURN_PRIME_END) >> random_below(random, 14)),
                .medium_end = (uint32_t) (random_below(random, TURN_PRIME_END) >> random_below(random, 12)),
                .large_end = 2048 + (uint32_t) (random_below(random, TURN_PRIME_END - 2047) >> random_below(random, 9)),
                .region_bytes = UINT32_C(1) << (8 + random_below(random, 11)),
                .hits_bytes = (size_t) (1 + random_below(random, 1 << 22)),
        };
}
