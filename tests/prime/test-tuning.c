/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tuning by the sizes of caches: within what the sieve permits. */

#include "prime/sieve/tuning.h"

#include "prime/sieve/turns.h"
#include "test.h"

static void check(const SieveTuning *tuning) {
        CHECK(tuning->block_bytes >= 1024 && tuning->segment_bytes >= tuning->block_bytes);
        CHECK(tuning->span_bytes >= tuning->segment_bytes);
        CHECK(tuning->small_end <= tuning->medium_end && tuning->medium_end <= tuning->large_end);
        CHECK(tuning->large_end >= 2048 && tuning->large_end <= TURN_PRIME_END);
        CHECK(tuning->region_bytes > 0 && (tuning->region_bytes & (tuning->region_bytes - 1)) == 0);
}

static void test_any_cache(void) {
        for (uint64_t level1 = 0; level1 < UINT64_C(1) << 32; level1 = level1 * 8 + 1000)
                for (uint64_t level2 = 0; level2 < UINT64_C(1) << 32; level2 = level2 * 2 + 1000)
                        for (uint64_t level3 = 0; level3 < UINT64_C(1) << 32; level3 = level3 * 2 + 1000) {
                                CacheBytes caches = { (uint32_t) level1, (uint32_t) level2, (uint32_t) level3 };
                                SieveTuning tuning = sieve_tuning_for(caches);

                                check(&tuning);
                        }
}

static void test_this_processor(void) {
        check(sieve_tuning_default());
        CHECK(sieve_tuning_default() == sieve_tuning_default());
}

int main(void) {
        RUN(test_any_cache);
        RUN(test_this_processor);
        return tests_end();
}
