/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Remainders on x86-64 by AVX2: dividend.c's arithmetic, four primes at a time.
 *
 * AVX2 has no conversion between doubles and 64-bit integers. But from 2^52 to 2^53 neighbouring doubles differ by 1
 * (IEEE 754), so 2^52 + x has the integer x < 2^52 in its lower 52 bits, and the bits of 2^52 above. To convert an
 * integer these bits are set and 2^52 is subtracted, which is exact; to convert a double 2^52 is added, which rounds to
 * the nearest integer, and the bits are taken away. All that is converted is below 2^52: primes and remainders are <=
 * DIVISOR_MAX = 2^41, quotients are below 2^50.
 *
 * dividend.c cuts off the computed quotient, which misses the true one, N / p, by less than 1/2. Here it is rounded, so
 * the integer q differs from N / p by less than 1. Then N - q·p lies between -p and p, and the same correction makes it
 * the remainder. Only the lower 64 bits of q·p are needed for that, which is two or three products of 32-bit halves
 * (vpmuludq); the upper half of p is left out where all primes have one word.
 *
 * Remainders by floating point, and their bounds: van der Hoeven, Lecerf and Quintin, "Modular SIMD arithmetic in
 * Mathemagix", 2016, which is about products but divides in the same way.
 */

#if defined(__x86_64__)

#include <immintrin.h>

#include "prime/sieve/dividend-kernel.h"

#define AVX2 __attribute__((target("avx2"), always_inline)) static inline

AVX2 __m256d to_double(__m256i x) {
        const __m256d magic = _mm256_set1_pd(4503599627370496.0);

        return _mm256_sub_pd(_mm256_or_pd(_mm256_castsi256_pd(x), magic), magic);
}

AVX2 __m256i to_integer(__m256d x) {
        const __m256d magic = _mm256_set1_pd(4503599627370496.0);

        return _mm256_xor_si256(_mm256_castpd_si256(_mm256_add_pd(x, magic)), _mm256_castpd_si256(magic));
}

/* The low 64 bits of the product of q < 2^52 and p; `wide`: p may have more than 32 bits. */
AVX2 __m256i multiply(__m256i q, __m256i p, bool wide) {
        __m256i high = _mm256_mul_epu32(_mm256_srli_epi64(q, 32), p);

        if (wide)
                high = _mm256_add_epi64(high, _mm256_mul_epu32(q, _mm256_srli_epi64(p, 32)));
        return _mm256_add_epi64(_mm256_mul_epu32(q, p), _mm256_slli_epi64(high, 32));
}

AVX2 __m256i correct(__m256i r, __m256i p) {
        r = _mm256_add_epi64(r, _mm256_and_si256(_mm256_cmpgt_epi64(_mm256_setzero_si256(), r), p));
        return _mm256_sub_epi64(r, _mm256_andnot_si256(_mm256_cmpgt_epi64(p, r), p));
}

AVX2 void locate(const Dividend *dividend, const uint64_t *primes, size_t n, uint64_t *ret_remainders,
                 uint32_t *ret_phases, bool wide) {
        const __m256d first_double = _mm256_set1_pd((double) (int64_t) dividend->first);
        const __m256i first = _mm256_set1_epi64x((long long) dividend->first);

        for (size_t i = 0; i < n; i += 4) {
                __m256i p = _mm256_loadu_si256((const void *) (primes + i)), r, q;
                __m256d inverse = _mm256_div_pd(_mm256_set1_pd(1.0), to_double(p));

                q = to_integer(_mm256_mul_pd(first_double, inverse));
                r = correct(_mm256_sub_epi64(first, multiply(q, p, wide)), p);
                for (size_t k = 0; k < dividend->n_words; k++) {
                        __m256d word_double = _mm256_set1_pd((double) dividend->words[k]), value;
                        __m256i word = _mm256_set1_epi64x((long long) dividend->words[k]);

                        value = _mm256_mul_pd(to_double(r), _mm256_set1_pd(4294967296.0));
                        q = to_integer(_mm256_mul_pd(_mm256_add_pd(value, word_double), inverse));
                        r = _mm256_or_si256(_mm256_slli_epi64(r, 32), word);
                        r = correct(_mm256_sub_epi64(r, multiply(q, p, wide)), p);
                }
                _mm256_storeu_si256((void *) (ret_remainders + i), r);
                _mm_storeu_si128((void *) (ret_phases + i),
                                 _mm256_cvttpd_epi32(_mm256_mul_pd(_mm256_mul_pd(to_double(r), inverse),
                                                                   _mm256_set1_pd(30.0))));
        }
}

__attribute__((target("avx2"))) static void locate_by_avx2(const Dividend *dividend, const uint64_t *primes, size_t n,
                                                           uint64_t *ret_remainders, uint32_t *ret_phases) {
        bool wide = false;

        for (size_t i = 0; i < n; i++)
                wide |= primes[i] > UINT32_MAX;
        if (wide)
                locate(dividend, primes, n, ret_remainders, ret_phases, true);
        else
                locate(dividend, primes, n, ret_remainders, ret_phases, false);
}

static bool has_avx2(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2");
}

const LocateKernel locate_avx2 = { .name = "avx2", .is_usable = has_avx2, .locate = locate_by_avx2 };

#endif
