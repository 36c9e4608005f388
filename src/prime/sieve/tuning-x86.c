/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What x86-64 processors tell of their second-level cache: by CPUID's leaf 4, on AMD's and Hygon's 0x8000001d. */

#if defined(__x86_64__)

#include <cpuid.h>

#include "prime/sieve/tuning.h"

#define LEAF_INTEL 4
#define LEAF_AMD 0x8000001d
#define CACHES_MAX 8
#define UNIFIED 3 /* for data and instructions */

/* Of one of the two leaves, which have the same form. */
static uint32_t level2_bytes(unsigned leaf) {
        for (unsigned i = 0; i < CACHES_MAX; i++) {
                unsigned eax, ebx, ecx, edx;

                if (!__get_cpuid_count(leaf, i, &eax, &ebx, &ecx, &edx) || (eax & 0x1f) == 0)
                        return 0;
                if ((eax & 0x1f) == UNIFIED && (eax >> 5 & 7) == 2) {
                        unsigned line = (ebx & 0xfff) + 1, parts = (ebx >> 12 & 0x3ff) + 1, ways = (ebx >> 22) + 1;

                        return line * parts * ways * (ecx + 1);
                }
        }
        return 0;
}

uint32_t tuning_level2_bytes(void) {
        uint32_t bytes = level2_bytes(LEAF_INTEL);

        return bytes > 0 ? bytes : level2_bytes(LEAF_AMD);
}

#endif
