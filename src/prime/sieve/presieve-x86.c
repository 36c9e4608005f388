/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The pre-sieve on x86-64, by SSE2, which every such processor has, and by AVX2. presieve.c explains what is computed;
 * presieve-neon.c why eight vectors go through all tables at once. They take eight of the sixteen registers. A chunk
 * of 512 bytes is four turns with vectors of 16 bytes and two with vectors of 32.
 */

#if defined(__x86_64__)

#include <immintrin.h>

#include "prime/sieve/presieve-kernel.h"

#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

#define LOAD_SSE2(t, i) _mm_loadu_si128((const void *) (at[t] + done + 16 * (i)))
#define FIRST_SSE2(i) __m128i v##i = LOAD_SSE2(0, i);
#define NEXT_SSE2(i) v##i = _mm_and_si128(v##i, LOAD_SSE2(t, i));
#define LAST_SSE2(i) _mm_storeu_si128((void *) (ret + done + 16 * (i)), v##i);

static void fill_sse2(const uint8_t *const at[N_PRESIEVE_TABLES], uint8_t *ret) {
        for (unsigned done = 0; done < PRESIEVE_CHUNK; done += 8 * 16) {
                EACH(FIRST_SSE2)
                for (unsigned t = 1; t < N_PRESIEVE_TABLES; t++) {
                        EACH(NEXT_SSE2)
                }
                EACH(LAST_SSE2)
        }
}

#define LOAD_AVX2(t, i) _mm256_loadu_si256((const void *) (at[t] + done + 32 * (i)))
#define FIRST_AVX2(i) __m256i v##i = LOAD_AVX2(0, i);
#define NEXT_AVX2(i) v##i = _mm256_and_si256(v##i, LOAD_AVX2(t, i));
#define LAST_AVX2(i) _mm256_storeu_si256((void *) (ret + done + 32 * (i)), v##i);

__attribute__((target("avx2"))) static void fill_avx2(const uint8_t *const at[N_PRESIEVE_TABLES], uint8_t *ret) {
        for (unsigned done = 0; done < PRESIEVE_CHUNK; done += 8 * 32) {
                EACH(FIRST_AVX2)
                for (unsigned t = 1; t < N_PRESIEVE_TABLES; t++) {
                        EACH(NEXT_AVX2)
                }
                EACH(LAST_AVX2)
        }
}

static bool always(void) {
        return true;
}

static bool has_avx2(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2");
}

const PresieveKernel presieve_sse2 = { .name = "sse2", .is_usable = always, .fill = fill_sse2 };
const PresieveKernel presieve_avx2 = { .name = "avx2", .is_usable = has_avx2, .fill = fill_avx2 };

#endif
