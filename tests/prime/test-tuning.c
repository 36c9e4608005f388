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
        for (uint32_t level2 = 0; level2 < UINT32_C(1) << 30; level2 = level2 * 2 + 1000)
                for (uint32_t level3 = 0; level3 < UINT32_C(1) << 31; level3 = level3 * 2 + 1000) {
                        SieveTuning tuning = sieve_tuning_for((CacheBytes) { level2, level3 });

                        check(&tuning);
                }
}

static void test_this_processor(void) {
        CacheBytes caches = tuning_cache_bytes();

        printf("# level 2: %u bytes, level 3: %u bytes\n", caches.level2, caches.level3);
        check(sieve_tuning_default());
        CHECK(sieve_tuning_default() == sieve_tuning_default());
}

int main(void) {
        RUN(test_any_cache);
        RUN(test_this_processor);
        return tests_end();
}
