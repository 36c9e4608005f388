/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The sums over a bitmap on x86-64, by AVX2 and POPCNT; bitmap-facts.c explains them. Bits are counted by the
 * instruction for that, in four sums that do not wait for each other. The counts per residue are byte lanes as there,
 * 32 instead of 8: a bit is shifted to the bottom of its byte and added, and vpsadbw adds up the lanes before they can
 * overflow (as in Muła, Kurz and Lemire, "Faster population counts using AVX2 instructions", 2018). The shifts are
 * those of words of 64 bits, so a byte gets bits from the next one at its top; the mask takes them away.
 */

#if defined(__x86_64__)

#include <immintrin.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "prime/bitmap-kernel.h"

#define TARGET __attribute__((target("avx2,popcnt")))

TARGET static uint64_t count_popcnt(const uint8_t *bitmap, size_t n_words) {
        uint64_t a = 0, b = 0, c = 0, d = 0;
        size_t i = 0;

        for (; i + 4 <= n_words; i += 4) {
                a += (uint64_t) _mm_popcnt_u64(get_le64(bitmap + 8 * i));
                b += (uint64_t) _mm_popcnt_u64(get_le64(bitmap + 8 * i + 8));
                c += (uint64_t) _mm_popcnt_u64(get_le64(bitmap + 8 * i + 16));
                d += (uint64_t) _mm_popcnt_u64(get_le64(bitmap + 8 * i + 24));
        }
        for (; i < n_words; i++)
                a += (uint64_t) _mm_popcnt_u64(get_le64(bitmap + 8 * i));
        return a + b + c + d;
}

/* The sum of all byte lanes. */
TARGET static uint64_t lanes_sum(__m256i lanes) {
        __m256i sums = _mm256_sad_epu8(lanes, _mm256_setzero_si256());

        return (uint64_t) _mm256_extract_epi64(sums, 0) + (uint64_t) _mm256_extract_epi64(sums, 1) +
               (uint64_t) _mm256_extract_epi64(sums, 2) + (uint64_t) _mm256_extract_epi64(sums, 3);
}

#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define BIT(v, i) _mm256_and_si256(_mm256_srli_epi64(v, i), ones)
#define ZERO(i) __m256i lanes##i = _mm256_setzero_si256();
#define ADD(i) lanes##i = _mm256_add_epi8(lanes##i, BIT(word, i));
#define SUM(i) classes[i] += lanes_sum(lanes##i);

TARGET static void tally_avx2(const uint8_t *bitmap, size_t n_words, uint64_t classes[static 8], uint64_t *twins) {
        const size_t n_turn = 80; /* vectors until the lanes are emptied: 80 · 3 twins < 256 */
        const __m256i ones = _mm256_set1_epi8(1);
        size_t n_vectors = n_words / 4;

        while (n_vectors > 0) {
                size_t n = MIN(n_vectors, n_turn);
                __m256i pairs = _mm256_setzero_si256();

                EACH(ZERO)
                for (size_t k = 0; k < n; k++) {
                        __m256i word = _mm256_loadu_si256((const void *) (bitmap + 32 * k));
                        __m256i next = _mm256_loadu_si256((const void *) (bitmap + 32 * k + 1));
                        __m256i inside = _mm256_and_si256(word, _mm256_srli_epi64(word, 1));

                        EACH(ADD)
                        pairs = _mm256_add_epi8(pairs, _mm256_add_epi8(BIT(inside, 2), BIT(inside, 4)));
                        pairs = _mm256_add_epi8(pairs, _mm256_and_si256(BIT(word, 7), next));
                }
                EACH(SUM)
                *twins += lanes_sum(pairs);
                bitmap += 32 * n;
                n_vectors -= n;
        }
        bitmap_portable.tally(bitmap, n_words % 4, classes, twins);
}

static bool has_avx2(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
}

const BitmapKernel bitmap_avx2 = {
        .name = "avx2",
        .is_usable = has_avx2,
        .count = count_popcnt,
        .tally = tally_avx2,
};

#endif
