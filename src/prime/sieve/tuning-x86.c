/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What x86-64 processors tell of their caches: by CPUID's leaf 4, on AMD's and Hygon's 0x8000001d. */

#if defined(__x86_64__)

#include <cpuid.h>

#include "prime/sieve/tuning.h"

#define LEAF_INTEL 4
#define LEAF_AMD 0x8000001d
#define CACHES_MAX 8
#define UNIFIED 3 /* for data and instructions */

/* Of one of the two leaves, which have the same form. */
static CacheBytes cache_bytes(unsigned leaf) {
        CacheBytes found = {};

        for (unsigned i = 0; i < CACHES_MAX; i++) {
                unsigned eax, ebx, ecx, edx, level;

                if (!__get_cpuid_count(leaf, i, &eax, &ebx, &ecx, &edx) || (eax & 0x1f) == 0)
                        break;
                level = eax >> 5 & 7;
                if ((eax & 0x1f) == UNIFIED) {
                        unsigned line = (ebx & 0xfff) + 1, parts = (ebx >> 12 & 0x3ff) + 1, ways = (ebx >> 22) + 1;
                        unsigned n_threads = (eax >> 14 & 0xfff) + 1, bytes = line * parts * ways * (ecx + 1);

                        if (level == 2)
                                found.level2 = bytes; /* two threads of a core work on the same kind of thing */
                        else if (level == 3)
                                found.level3 = bytes / n_threads;
                }
        }
        return found;
}

CacheBytes tuning_cache_bytes(void) {
        CacheBytes caches = cache_bytes(LEAF_INTEL);

        return caches.level2 > 0 ? caches : cache_bytes(LEAF_AMD);
}

#endif
