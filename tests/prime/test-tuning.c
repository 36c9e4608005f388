/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tuning by the size of a cache: within what the sieve permits. */

#include "prime/sieve/tuning.h"

#include "prime/sieve/turns.h"
#include "test.h"

static void check(const SieveTuning *tuning) {
        CHECK(tuning->block_bytes >= 1024 && tuning->segment_bytes >= tuning->block_bytes);
        CHECK(tuning->small_end <= tuning->medium_end);
        CHECK(tuning->medium_end >= 2048 && tuning->medium_end <= TURN_PRIME_END);
        CHECK(tuning->region_bytes > 0 && (tuning->region_bytes & (tuning->region_bytes - 1)) == 0);
}

static void test_any_cache(void) {
        for (uint32_t bytes = 0; bytes < UINT32_C(1) << 30; bytes = bytes * 2 + 1000) {
                SieveTuning tuning = sieve_tuning_for(bytes);

                check(&tuning);
        }
}

static void test_this_processor(void) {
        printf("# level 2: %u bytes\n", tuning_level2_bytes());
        check(sieve_tuning_default());
        CHECK(sieve_tuning_default() == sieve_tuning_default());
}

int main(void) {
        RUN(test_any_cache);
        RUN(test_this_processor);
        return tests_end();
}
