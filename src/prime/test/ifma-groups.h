/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Sixteen numbers in lockstep, as two groups of eight lanes that fill each other's waits.
 *
 * vpmadd52luq and vpmadd52huq add the lower or the upper half of a product of 52-bit integers to a sum of 64 bits, so
 * thousands of products may be added before carries are looked at (Gueron and Krasnov, "Accelerating big integer
 * arithmetic using Intel IFMA extensions", 2016). Numbers are K limbs of 52 bits, R = 2^(52K). A product is made column
 * by column: column c is the sum of all lower halves of a_i·b_j with i + j = c and upper halves with i + j = c - 1,
 * and of m_i·n_j likewise, where m_c is what makes column c < K zero; the columns from K on are the result. A doubling
 * is an addition under the mask of the lanes that want it, before the carries.
 *
 * Values are < 4n, as in large-test.c, if n <= R/16: the square is < 16n²/R + n <= 2n. It may be a trifle above:
 * with n = (1 + e)R/16 and values < (4 + d)n a step leads to d + d²/8 + 3e at most, and after 4000 steps of
 * e = 2^-32 the d is still below 2^-18. So numbers just above 2^256 have five limbs and not six.
 *
 * The tests are those of bpsw-ladders.h.
 */


#include <immintrin.h>
#include <string.h>

#include "base/macro.h"
#include "prime/test/ifma.h"

#define TARGET __attribute__((target("avx512f,avx512dq,avx512ifma")))
#define INLINE static inline __attribute__((always_inline)) UNCHECKED TARGET

/* Checks of every index would make the unrolled loops take minutes to compile. */
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))
#define EACH _Pragma("GCC unroll 8")

#define N_GROUPS 2
#define LIMB_BITS 52
#define LIMB_MASK ((UINT64_C(1) << LIMB_BITS) - 1)
#define LIMBS_MAX ((IFMA_BITS_MAX + 4 + LIMB_BITS - 1) / LIMB_BITS)
#define WORDS_MAX ((IFMA_BITS_MAX + 63) / 64)

typedef __m512i Lanes;

/* Numbers of K limbs, one per lane. */
typedef Lanes Value[LIMBS_MAX];

typedef struct Groups {
        size_t n_limbs, n_bits;
        Value n[N_GROUPS];
        Lanes negative[N_GROUPS]; /* -1/n modulo 2^52 */
        Lanes twos[N_GROUPS];     /* of n - 1 or n + 1 */
        uint64_t twos_max;
        Lanes exponent[N_GROUPS][WORDS_MAX];
        Lanes bits[N_GROUPS]; /* of the exponent, from the uppermost bit on */
} Groups;

static inline uint64_t limb_at(const uint64_t *words, size_t n_words, size_t limb) {
        size_t word = limb * LIMB_BITS / 64, shift = limb * LIMB_BITS % 64;
        uint64_t value;

        if (word >= n_words)
                return 0;
        value = words[word] >> shift;
        if (shift > 64 - LIMB_BITS && word + 1 < n_words)
                value |= words[word + 1] << (64 - shift);
        return value & LIMB_MASK;
}

/* How many limbs the largest of the numbers needs. */
static inline size_t limbs_needed(const uint64_t *words, size_t n_bits, size_t n_numbers) {
        size_t n_limbs = (n_bits + 4 + LIMB_BITS - 1) / LIMB_BITS, n_words = (n_bits + 63) / 64;

        /* Just above R/16 of one limb less: the upper 32 bits below the first are 0. */
        if ((n_bits + 3) % LIMB_BITS == 0 && n_bits > 64) {
                bool is_near = true;

                for (size_t i = 0; i < n_numbers; i++) {
                        const uint64_t *number = words + i * n_words;
                        size_t bit = n_bits - 33;
                        uint64_t upper = number[bit / 64] >> bit % 64;

                        if (bit % 64 > 0 && bit / 64 + 1 < n_words)
                                upper |= number[bit / 64 + 1] << (64 - bit % 64);
                        is_near &= (uint32_t) upper == 0;
                }
                if (is_near)
                        return n_limbs - 1;
        }
        return n_limbs;
}

/* Fills the lanes with numbers; what is left over repeats the first. `delta`: twos are of n - 1, or of n + 1. */
TARGET static inline void groups_init(Groups *groups, const uint64_t *words, size_t n_bits, size_t n_numbers,
                                      int delta) {
        size_t n_words = (n_bits + 63) / 64;

        groups->n_bits = n_bits;
        groups->n_limbs = limbs_needed(words, n_bits, n_numbers);
        groups->twos_max = 0;
        for (size_t i = 0; i < IFMA_LANES; i++) {
                const uint64_t *number = words + (i < n_numbers ? i : 0) * n_words;
                size_t group = i / 8, lane = i % 8, word = 0;
                uint64_t inverse = 3 * number[0] ^ 2, flipped, twos;

                for (unsigned k = 0; k < 4; k++)
                        inverse *= 2 - number[0] * inverse;
                ((uint64_t *) &groups->negative[group])[lane] = -inverse & LIMB_MASK;
                for (size_t k = 0; k < groups->n_limbs; k++)
                        ((uint64_t *) &groups->n[group][k])[lane] = limb_at(number, n_words, k);

                /* The zeros of n - 1, or those of n + 1, which are ones of n. */
                flipped = delta > 0 ? ~number[0] : number[0] ^ 1;
                while (flipped == 0 && ++word < n_words)
                        flipped = delta > 0 ? ~number[word] : number[word];
                twos = word < n_words ? word * 64 + (uint64_t) __builtin_ctzll(flipped) : n_bits;
                twos = MIN(twos, (uint64_t) n_bits);
                ((uint64_t *) &groups->twos[group])[lane] = twos;
                groups->twos_max = MAX(groups->twos_max, twos);
        }
}

/* One word of the exponent of a lane. */
static inline void groups_set_exponent(Groups *groups, size_t lane, size_t word, uint64_t value) {
        ((uint64_t *) &groups->exponent[lane / 8][word])[lane % 8] = value;
}

/* Prepares for the exponent's bits from `bit` - 1 on downwards. */
INLINE void groups_begin_bits(Groups *groups, size_t bit) {
        for (size_t g = 0; g < N_GROUPS && bit > 0; g++)
                groups->bits[g] = _mm512_sll_epi64(groups->exponent[g][(bit - 1) / 64],
                                                   _mm_cvtsi64_si128((long long) (63 - (bit - 1) % 64)));
}

/* The lanes whose bit `bit` is set; bits are asked for in descending order. */
INLINE void groups_next_bits(Groups *groups, size_t bit, __mmask8 ret[N_GROUPS]) {
        EACH
        for (size_t g = 0; g < N_GROUPS; g++) {
                ret[g] = _mm512_movepi64_mask(groups->bits[g]);
                groups->bits[g] = _mm512_slli_epi64(groups->bits[g], 1);
                if (bit % 64 == 0 && bit > 0)
                        groups->bits[g] = groups->exponent[g][bit / 64 - 1];
        }
}

/*
 * ret = a·b / R, or a² / R if is_square, plus an addend < n (NULL: none), doubled in the lanes of a mask (NULL: none).
 * `ret` may be an operand. n_limbs is a constant wherever this is unrolled.
 */
INLINE void groups_multiply(const Groups *groups, size_t n_limbs, bool is_square, Value *ret, const Value *a,
                            const Value *b, const Value *addend, const __mmask8 doubled[N_GROUPS]) {
        Lanes upper[N_GROUPS], carry[N_GROUPS], zero = _mm512_setzero_si512();
        const Lanes limb_mask = _mm512_set1_epi64((long long) LIMB_MASK);
        Value m[N_GROUPS];

        EACH
        for (size_t g = 0; g < N_GROUPS; g++)
                upper[g] = carry[g] = zero;
        _Pragma("GCC unroll 12")
        for (size_t c = 0; c < 2 * n_limbs; c++) {
                size_t first = c < n_limbs ? 0 : c - n_limbs + 1, last = c < n_limbs ? c : n_limbs - 1;
                size_t last_m = c < n_limbs ? c : n_limbs;
                Lanes low[N_GROUPS], high[N_GROUPS], low_m[N_GROUPS], high_m[N_GROUPS];

                EACH
                for (size_t g = 0; g < N_GROUPS; g++)
                        low[g] = high[g] = low_m[g] = high_m[g] = zero;
                if (is_square) {
                        EACH
                        for (size_t i = first; 2 * i < c; i++)
                                EACH
                                for (size_t g = 0; g < N_GROUPS; g++) {
                                        low[g] = _mm512_madd52lo_epu64(low[g], a[g][i], a[g][c - i]);
                                        high[g] = _mm512_madd52hi_epu64(high[g], a[g][i], a[g][c - i]);
                                }
                        EACH
                        for (size_t g = 0; g < N_GROUPS; g++) {
                                low[g] = _mm512_add_epi64(low[g], low[g]);
                                high[g] = _mm512_add_epi64(high[g], high[g]);
                                if (c % 2 == 0) {
                                        low[g] = _mm512_madd52lo_epu64(low[g], a[g][c / 2], a[g][c / 2]);
                                        high[g] = _mm512_madd52hi_epu64(high[g], a[g][c / 2], a[g][c / 2]);
                                }
                        }
                } else {
                        EACH
                        for (size_t i = first; i <= last; i++)
                                EACH
                                for (size_t g = 0; g < N_GROUPS; g++) {
                                        low[g] = _mm512_madd52lo_epu64(low[g], a[g][i], b[g][c - i]);
                                        high[g] = _mm512_madd52hi_epu64(high[g], a[g][i], b[g][c - i]);
                                }
                }
                EACH
                for (size_t i = first; i < last_m; i++)
                        EACH
                        for (size_t g = 0; g < N_GROUPS; g++) {
                                low_m[g] = _mm512_madd52lo_epu64(low_m[g], m[g][i], groups->n[g][c - i]);
                                high_m[g] = _mm512_madd52hi_epu64(high_m[g], m[g][i], groups->n[g][c - i]);
                        }
                EACH
                for (size_t g = 0; g < N_GROUPS; g++) {
                        Lanes sum = _mm512_add_epi64(_mm512_add_epi64(low[g], upper[g]), low_m[g]);

                        if (c < n_limbs) {
                                sum = _mm512_add_epi64(sum, carry[g]);
                                m[g][c] = _mm512_madd52lo_epu64(zero, sum, groups->negative[g]);
                                sum = _mm512_madd52lo_epu64(sum, m[g][c], groups->n[g][0]);
                                high_m[g] = _mm512_madd52hi_epu64(high_m[g], m[g][c], groups->n[g][0]);
                                carry[g] = _mm512_srli_epi64(sum, LIMB_BITS);
                                if (doubled && c == n_limbs - 1)
                                        carry[g] = _mm512_mask_add_epi64(carry[g], doubled[g], carry[g], carry[g]);
                        } else {
                                if (addend)
                                        sum = _mm512_add_epi64(sum, addend[g][c - n_limbs]);
                                if (doubled)
                                        sum = _mm512_mask_add_epi64(sum, doubled[g], sum, sum);
                                sum = _mm512_add_epi64(sum, carry[g]);
                                ret[g][c - n_limbs] = _mm512_and_si512(sum, limb_mask);
                                carry[g] = _mm512_srli_epi64(sum, LIMB_BITS);
                        }
                        upper[g] = _mm512_add_epi64(high[g], high_m[g]);
                }
        }
}

/* Makes limbs of 52 bits of limbs that are larger, or negative. */
INLINE void value_carry(size_t n_limbs, Lanes *a) {
        const Lanes limb_mask = _mm512_set1_epi64((long long) LIMB_MASK);
        Lanes carry = _mm512_setzero_si512();

        for (size_t i = 0; i < n_limbs; i++) {
                Lanes sum = _mm512_add_epi64(a[i], carry);

                a[i] = _mm512_and_si512(sum, limb_mask);
                carry = _mm512_srai_epi64(sum, LIMB_BITS);
        }
}

/* a becomes < n, for a < (n_times + 1)·n */
TARGET static inline void value_settle(size_t n_limbs, Lanes *a, const Lanes *n, unsigned n_times) {
        for (unsigned k = 0; k < n_times; k++) {
                Lanes carry = _mm512_setzero_si512();
                __mmask8 is_less;
                Value rest;

                for (size_t i = 0; i < n_limbs; i++) {
                        Lanes sum = _mm512_add_epi64(_mm512_sub_epi64(a[i], n[i]), carry);

                        rest[i] = _mm512_and_si512(sum, _mm512_set1_epi64((long long) LIMB_MASK));
                        carry = _mm512_srai_epi64(sum, LIMB_BITS);
                }
                is_less = _mm512_movepi64_mask(carry);
                for (size_t i = 0; i < n_limbs; i++)
                        a[i] = _mm512_mask_mov_epi64(rest[i], is_less, a[i]);
        }
}

/* a + b < n, for a, b < n */
TARGET static inline void value_add(size_t n_limbs, Lanes *ret, const Lanes *a, const Lanes *b, const Lanes *n) {
        for (size_t i = 0; i < n_limbs; i++)
                ret[i] = _mm512_add_epi64(a[i], b[i]);
        value_carry(n_limbs, ret);
        value_settle(n_limbs, ret, n, 1);
}

TARGET static inline __mmask8 value_equal(size_t n_limbs, const Lanes *a, const Lanes *b) {
        __mmask8 equal = 0xff;

        for (size_t i = 0; i < n_limbs; i++)
                equal &= _mm512_cmpeq_epi64_mask(a[i], b[i]);
        return equal;
}

/*
 * Which lanes are 1 and which -1, of values in Montgomery's form. What the products leave there is <= n and not 1 or
 * n - 1 by accident.
 */
INLINE void groups_units(const Groups *groups, size_t n_limbs, const Value *a, __mmask8 ret_one[N_GROUPS],
                         __mmask8 ret_minus_one[N_GROUPS]) {
        Value one[N_GROUPS], plain[N_GROUPS], less_one;

        for (size_t g = 0; g < N_GROUPS; g++) {
                for (size_t i = 0; i < n_limbs; i++)
                        one[g][i] = _mm512_setzero_si512();
                one[g][0] = _mm512_set1_epi64(1);
        }
        groups_multiply(groups, n_limbs, false, plain, a, one, NULL, NULL);
        for (size_t g = 0; g < N_GROUPS; g++) {
                ret_one[g] = value_equal(n_limbs, plain[g], one[g]);
                for (size_t i = 0; i < n_limbs; i++)
                        less_one[i] = groups->n[g][i];
                less_one[0] = _mm512_sub_epi64(less_one[0], _mm512_set1_epi64(1));
                ret_minus_one[g] = value_equal(n_limbs, plain[g], less_one);
        }
}

/* Lanes in which `rest` < twos, and those where it is the first such. */
INLINE __mmask8 groups_look(const Groups *groups, size_t g, size_t rest, __mmask8 *ret_first) {
        Lanes here = _mm512_set1_epi64((long long) rest);

        *ret_first = _mm512_cmpeq_epi64_mask(groups->twos[g], _mm512_add_epi64(here, _mm512_set1_epi64(1)));
        return _mm512_cmpgt_epi64_mask(groups->twos[g], here);
}

/* The lanes' answers as an array. */
static inline void lanes_passed(const __mmask8 passed[N_GROUPS], size_t n_numbers, bool *ret_passed) {
        for (size_t i = 0; i < n_numbers; i++)
                ret_passed[i] = passed[i / 8] >> i % 8 & 1;
}

/* R mod n */
TARGET static inline void groups_one(const Groups *groups, const uint64_t *words, size_t n_numbers, Value *ret) {
        size_t n_words = (groups->n_bits + 63) / 64, n_limbs = groups->n_limbs, bit = groups->n_bits - 64;
        size_t n_quotient_bits = n_limbs * LIMB_BITS - groups->n_bits + 1;
        Lanes low[N_GROUPS], high[N_GROUPS];

        /* R / n, rounded down to a whole number that may be 1 less, from the upper 64 bits of n. */
        for (size_t i = 0; i < IFMA_LANES; i++) {
                const uint64_t *number = words + (i < n_numbers ? i : 0) * n_words;
                uint64_t top = number[bit / 64] >> bit % 64, quotient;

                if (bit % 64 > 0)
                        top |= number[bit / 64 + 1] << (64 - bit % 64);
                quotient = (uint64_t) (((unsigned __int128) 1 << (n_quotient_bits + 63)) /
                                       ((unsigned __int128) top + 1));
                ((uint64_t *) &low[i / 8])[i % 8] = quotient & LIMB_MASK;
                ((uint64_t *) &high[i / 8])[i % 8] = quotient >> LIMB_BITS;
        }
        /* R - quotient·n, where R is 0 */
        for (size_t g = 0; g < N_GROUPS; g++) {
                Lanes sums[LIMBS_MAX + 2];

                for (size_t k = 0; k < n_limbs + 2; k++)
                        sums[k] = _mm512_setzero_si512();
                for (size_t k = 0; k < n_limbs; k++) {
                        sums[k] = _mm512_madd52lo_epu64(sums[k], groups->n[g][k], low[g]);
                        sums[k + 1] = _mm512_madd52hi_epu64(sums[k + 1], groups->n[g][k], low[g]);
                        sums[k + 1] = _mm512_madd52lo_epu64(sums[k + 1], groups->n[g][k], high[g]);
                        sums[k + 2] = _mm512_madd52hi_epu64(sums[k + 2], groups->n[g][k], high[g]);
                }
                for (size_t k = 0; k < n_limbs; k++)
                        ret[g][k] = _mm512_sub_epi64(_mm512_setzero_si512(), sums[k]);
                value_carry(n_limbs, ret[g]);
                value_settle(n_limbs, ret[g], groups->n[g], 1);
        }
}

/* One function for each small number of limbs, which the compiler unrolls, and one for all others. */
#define SIZES(NAME, ...)                                                                                     \
        switch (groups.n_limbs) {                                                                            \
        case 2:                                                                                              \
                NAME##_2(&groups, __VA_ARGS__);                                                              \
                break;                                                                                       \
        case 3:                                                                                              \
                NAME##_3(&groups, __VA_ARGS__);                                                              \
                break;                                                                                       \
        case 4:                                                                                              \
                NAME##_4(&groups, __VA_ARGS__);                                                              \
                break;                                                                                       \
        case 5:                                                                                              \
                NAME##_5(&groups, __VA_ARGS__);                                                              \
                break;                                                                                       \
        default:                                                                                             \
                NAME##_any(&groups, __VA_ARGS__);                                                            \
        }
#define EACH_SIZE(DO)                                                                                        \
        DO(2, 2) DO(3, 3) DO(4, 4) DO(5, 5) DO(any, groups->n_limbs)
