/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Strong tests, to base 2 and to drawn bases, of sixteen numbers at once. ifma-groups.h has the arithmetic and its
 * source, bpsw-ladders.h the test and why powers of 1/2 are easier than those of 2.
 *
 * Base 2. In Montgomery's form (1/2)^E is 2^(52K - E), a single bit. The first E has the upper FIRST_BITS bits of the
 * exponent and is between 32 and 64, so that there is such a bit for two limbs as well. If n leaves most of a limb
 * free, the power may be larger than 4n; but it is at most 2^(52K - 32), its square divided by R is at most 2^(52K -
 * 64), and n is larger than 2^(52K - 57). So after one step everything is within the bounds, and before it only 1 and
 * -1 are looked for.
 *
 * A drawn base is w / 2^52. It is multiplied with as the binary method from the left wants it, a square first and then
 * the base where a bit is 1. Multiplying by w and dividing by 2^52 takes two rows and no product of full length: the
 * result is less than (4n·2^52 + 2^52·n) / 2^52 = 5n, and its square again less than 25n²/R + n < 4n. large-test.c
 * says what such bases are for.
 */

#if defined(__x86_64__)

#include "prime/test/ifma-groups.h"

#define FIRST_BITS 6

/* The power of 1/2 to begin with, and the other bits of the exponent -(n - 1) / 2. */
TARGET static void groups_begin_halves(Groups *groups, const uint64_t *words, size_t n_numbers, size_t rest,
                                       Value *ret) {
        size_t n_words = (groups->n_bits + 63) / 64;

        memset(ret, 0, N_GROUPS * sizeof *ret);
        for (size_t i = 0; i < IFMA_LANES; i++) {
                const uint64_t *number = words + (i < n_numbers ? i : 0) * n_words;
                uint64_t borrow = 0, lower = 0;
                size_t first = 0, power;

                for (size_t k = 0; k < n_words; k++) {
                        uint64_t half = number[k] >> 1 | (k + 1 < n_words ? number[k + 1] << 63 : 0);

                        for (size_t bit = 0; bit < FIRST_BITS; bit++)
                                if ((rest + bit) / 64 == k)
                                        first |= (half >> (rest + bit) % 64 & 1) << bit;
                        if (k * 64 < rest)
                                lower |= rest - k * 64 >= 64 ? half : half & ((UINT64_C(1) << (rest - k * 64)) - 1);
                        groups_set_exponent(groups, i, k, 0 - half - borrow);
                        borrow |= half != 0;
                }
                power = groups->n_limbs * LIMB_BITS - first - (lower != 0);
                ((uint64_t *) &ret[i / 8][power / LIMB_BITS])[i % 8] = UINT64_C(1) << power % LIMB_BITS;
        }
}

INLINE void strong(Groups *groups, size_t n_limbs, Value *value, size_t rest, __mmask8 ret_passed[N_GROUPS]) {
        groups_begin_bits(groups, rest);
        for (;;) {
                __mmask8 doubled[N_GROUPS];

                if (rest < groups->twos_max) {
                        __mmask8 one[N_GROUPS], minus_one[N_GROUPS], first;

                        groups_units(groups, n_limbs, value, one, minus_one);
                        for (size_t g = 0; g < N_GROUPS; g++) {
                                __mmask8 look = groups_look(groups, g, rest, &first);

                                ret_passed[g] |= (look & minus_one[g]) | (first & one[g]);
                        }
                }
                if (rest-- == 0)
                        return;
                groups_next_bits(groups, rest, doubled);
                groups_multiply(groups, n_limbs, true, value, value, value, NULL, doubled);
        }
}

#define STRONG(NAME, N_LIMBS)                                                                                \
        TARGET UNCHECKED static __attribute__((noinline)) void strong_##NAME(                                \
                Groups *groups, Value *value, size_t rest, __mmask8 ret_passed[N_GROUPS]) {                  \
                strong(groups, N_LIMBS, value, rest, ret_passed);                                            \
        }
EACH_SIZE(STRONG)

TARGET int ifma_strong(const uint64_t *words, size_t n_bits, size_t n_numbers, bool *ret_passed) {
        size_t rest = n_bits - 1 - FIRST_BITS;
        __mmask8 passed[N_GROUPS] = {};
        Value value[N_GROUPS];
        Groups groups;

        groups_init(&groups, words, n_bits, n_numbers, -1);
        groups_begin_halves(&groups, words, n_numbers, rest, value);
        SIZES(strong, value, rest, passed)
        lanes_passed(passed, n_numbers, ret_passed);
        return 0;
}

/* value = value·w / 2^52 in the lanes of a mask: one limb is added at the top, one is taken from below. */
INLINE void groups_multiply_draw(const Groups *groups, size_t n_limbs, Value *value, const Lanes w[N_GROUPS],
                                 const __mmask8 where[N_GROUPS]) {
        for (size_t g = 0; g < N_GROUPS; g++) {
                Lanes sum, m, carry, high, zero = _mm512_setzero_si512(), *a = value[g];
                const Lanes *n = groups->n[g];

                sum = _mm512_madd52lo_epu64(zero, a[0], w[g]);
                m = _mm512_madd52lo_epu64(zero, sum, groups->negative[g]);
                sum = _mm512_madd52lo_epu64(sum, m, n[0]);
                high = _mm512_madd52hi_epu64(_mm512_madd52hi_epu64(zero, a[0], w[g]), m, n[0]);
                carry = _mm512_srli_epi64(sum, LIMB_BITS);
                for (size_t k = 1; k <= n_limbs; k++) {
                        Lanes out;

                        sum = _mm512_add_epi64(high, carry);
                        high = zero;
                        if (k < n_limbs) {
                                sum = _mm512_madd52lo_epu64(_mm512_madd52lo_epu64(sum, a[k], w[g]), m, n[k]);
                                high = _mm512_madd52hi_epu64(_mm512_madd52hi_epu64(zero, a[k], w[g]), m, n[k]);
                        }
                        out = _mm512_and_si512(sum, _mm512_set1_epi64((long long) LIMB_MASK));
                        carry = _mm512_srli_epi64(sum, LIMB_BITS);
                        a[k - 1] = _mm512_mask_mov_epi64(a[k - 1], where[g], out);
                }
        }
}

INLINE void drawn(Groups *groups, size_t n_limbs, Value *value, const Lanes w[N_GROUPS],
                  __mmask8 ret_passed[N_GROUPS]) {
        size_t rest = groups->n_bits - 1;

        groups_begin_bits(groups, rest);
        for (;;) {
                __mmask8 where[N_GROUPS];

                /* As for base 2, but the exponent is (n - 1) / 2^rest here. */
                if (rest > 0 && rest <= groups->twos_max) {
                        __mmask8 one[N_GROUPS], minus_one[N_GROUPS], first;

                        groups_units(groups, n_limbs, value, one, minus_one);
                        for (size_t g = 0; g < N_GROUPS; g++) {
                                __mmask8 look = groups_look(groups, g, rest - 1, &first);

                                ret_passed[g] |= (look & minus_one[g]) | (first & one[g]);
                        }
                }
                if (rest-- <= 1)
                        return;
                groups_next_bits(groups, rest, where);
                groups_multiply(groups, n_limbs, true, value, value, value, NULL, NULL);
                groups_multiply_draw(groups, n_limbs, value, w, where);
        }
}

#define DRAWN(NAME, N_LIMBS)                                                                                 \
        TARGET UNCHECKED static __attribute__((noinline)) void drawn_##NAME(                                 \
                Groups *groups, Value *value, const Lanes w[N_GROUPS], __mmask8 ret_passed[N_GROUPS]) {      \
                drawn(groups, N_LIMBS, value, w, ret_passed);                                                \
        }
EACH_SIZE(DRAWN)

TARGET int ifma_drawn(const uint64_t *words, size_t n_bits, const uint64_t *w, size_t n_numbers, bool *ret_passed) {
        const __mmask8 all[N_GROUPS] = { 0xff, 0xff };
        size_t n_words = (n_bits + 63) / 64;
        __mmask8 passed[N_GROUPS] = {};
        Value value[N_GROUPS];
        Lanes w_lanes[N_GROUPS];
        Groups groups;

        groups_init(&groups, words, n_bits, n_numbers, -1);
        for (size_t i = 0; i < IFMA_LANES; i++) {
                size_t at = i < n_numbers ? i : 0;

                ((uint64_t *) &w_lanes[i / 8])[i % 8] = w[at];
                for (size_t k = 0; k < n_words; k++)
                        groups_set_exponent(&groups, i, k, words[at * n_words + k] - (k == 0));
        }
        groups_one(&groups, words, n_numbers, value);
        groups_multiply_draw(&groups, groups.n_limbs, value, w_lanes, all);
        SIZES(drawn, value, w_lanes, passed)
        lanes_passed(passed, n_numbers, ret_passed);
        return 0;
}

bool ifma_is_usable(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512ifma");
}

#endif
