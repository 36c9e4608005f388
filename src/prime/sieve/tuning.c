/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sizes that do well on processors of the last fifteen years: 32 KiB in the first-level cache, at least 256 KiB in the
 * second.
 */

#include "prime/sieve/tuning.h"

const SieveTuning sieve_tuning_default = {
        .block_bytes = 32 << 10,
        .segment_bytes = 256 << 10,
        .small_end = 32 << 10,
        .medium_end = 256 << 10,
        .region_bytes = 64 << 10,
};
