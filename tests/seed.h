/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The seed of random tests: another one in each run, printed, and settable, so that a failure can be had again. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The number in PRIMED_TEST_SEED, else one from the clock. */
static inline uint64_t test_seed(void) {
        const char *setting = getenv("PRIMED_TEST_SEED");
        struct timespec now;
        uint64_t seed;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        seed = setting ? strtoull(setting, NULL, 0) : (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
        printf("# PRIMED_TEST_SEED=%llu\n", (unsigned long long) seed);
        return seed;
}
