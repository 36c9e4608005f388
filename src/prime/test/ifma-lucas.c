/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The extra strong Lucas test of sixteen numbers at once: lucas.c's test, in the order of bpsw-ladders.h, by the
 * arithmetic of ifma-groups.h.
 *
 * Each lane has its own n and P. What depends on them are numbers in Montgomery's form: 2, P and their negatives, of
 * which the latter are added to the products V_k² and V_k·V_k+1 before the carries, as -2 and -P. A bit of the
 * exponent decides which of the pair is squared; both outcomes are merged under the mask of the lanes, and nothing
 * branches. Values are < 4n: a product of such is < 2n, and an addend < n makes it 3n. They are reduced below n only
 * where the test looks at them, that is for the last few bits of the exponent.
 */

#if defined(__x86_64__)

#include "prime/test/ifma-groups.h"

/* count·one mod n, with another count in each lane */
TARGET static void groups_small(const Groups *groups, const Value *one, const unsigned *counts, size_t n_numbers,
                                Value *ret) {
        size_t n_limbs = groups->n_limbs;
        unsigned all = 0;

        for (size_t i = 0; i < n_numbers; i++)
                all |= counts[i];
        memset(ret, 0, N_GROUPS * sizeof *ret);
        for (unsigned bit = 32 - (unsigned) __builtin_clz(all); bit-- > 0;) {
                __mmask8 where[N_GROUPS] = {};

                for (size_t i = 0; i < IFMA_LANES; i++)
                        where[i / 8] |= (__mmask8) ((counts[i < n_numbers ? i : 0] >> bit & 1) << i % 8);
                for (size_t g = 0; g < N_GROUPS; g++) {
                        Value sum;

                        value_add(n_limbs, ret[g], ret[g], ret[g], groups->n[g]);
                        value_add(n_limbs, sum, ret[g], one[g], groups->n[g]);
                        for (size_t k = 0; k < n_limbs; k++)
                                ret[g][k] = _mm512_mask_mov_epi64(ret[g][k], where[g], sum[k]);
                }
        }
}

/* n - a */
TARGET static void groups_negate(const Groups *groups, const Value *a, Value *ret) {
        for (size_t g = 0; g < N_GROUPS; g++) {
                for (size_t k = 0; k < groups->n_limbs; k++)
                        ret[g][k] = _mm512_sub_epi64(groups->n[g][k], a[g][k]);
                value_carry(groups->n_limbs, ret[g]);
        }
}

typedef struct Sequence {
        Value low[N_GROUPS], high[N_GROUPS]; /* V_k, V_k+1 */
        Value two[N_GROUPS], p[N_GROUPS], minus_two[N_GROUPS], minus_p[N_GROUPS];
} Sequence;

/* Looks at V_k for k = (n + 1) / 2^(rest + 1). */
TARGET static __attribute__((noinline)) void sequence_look(const Groups *groups, const Sequence *sequence,
                                                           size_t rest, __mmask8 passed[N_GROUPS]) {
        size_t n_limbs = groups->n_limbs;
        Value low[N_GROUPS], product[N_GROUPS], high;

        memcpy(low, sequence->low, sizeof low);
        for (size_t g = 0; g < N_GROUPS; g++)
                value_settle(n_limbs, low[g], groups->n[g], 3);
        groups_multiply(groups, n_limbs, false, product, low, sequence->p, NULL, NULL);
        for (size_t g = 0; g < N_GROUPS; g++) {
                __mmask8 first, look = groups_look(groups, g, rest, &first), is_zero = 0xff;

                /* V_d = ±2 and 2·V_d+1 = P·V_d */
                first &= value_equal(n_limbs, low[g], sequence->two[g]) |
                         value_equal(n_limbs, low[g], sequence->minus_two[g]);
                memcpy(high, sequence->high[g], sizeof high);
                value_settle(n_limbs, high, groups->n[g], 3);
                value_add(n_limbs, high, high, high, groups->n[g]);
                value_settle(n_limbs, product[g], groups->n[g], 2);
                passed[g] |= first & value_equal(n_limbs, high, product[g]);

                for (size_t k = 0; k < n_limbs; k++)
                        is_zero &= _mm512_testn_epi64_mask(low[g][k], low[g][k]);
                if (rest > 0)
                        passed[g] |= look & is_zero;
        }
}

INLINE void lucas(Groups *groups, size_t n_limbs, Sequence *sequence, __mmask8 ret_passed[N_GROUPS]) {
        size_t rest = groups->n_bits;

        groups_begin_bits(groups, rest);
        for (;;) {
                Value same[N_GROUPS], product[N_GROUPS];
                __mmask8 bits[N_GROUPS];

                if (rest < groups->twos_max)
                        sequence_look(groups, sequence, rest, ret_passed);
                if (rest-- == 0)
                        return;
                groups_next_bits(groups, rest, bits);
                EACH
                for (size_t g = 0; g < N_GROUPS; g++)
                        EACH
                        for (size_t k = 0; k < n_limbs; k++)
                                same[g][k] = _mm512_mask_mov_epi64(sequence->low[g][k], bits[g], sequence->high[g][k]);
                groups_multiply(groups, n_limbs, false, product, sequence->low, sequence->high, sequence->minus_p,
                                NULL);
                groups_multiply(groups, n_limbs, true, same, same, same, sequence->minus_two, NULL);
                EACH
                for (size_t g = 0; g < N_GROUPS; g++)
                        EACH
                        for (size_t k = 0; k < n_limbs; k++) {
                                sequence->low[g][k] = _mm512_mask_mov_epi64(same[g][k], bits[g], product[g][k]);
                                sequence->high[g][k] = _mm512_mask_mov_epi64(product[g][k], bits[g], same[g][k]);
                        }
        }
}

#define LUCAS(NAME, N_LIMBS)                                                                                 \
        TARGET UNCHECKED static __attribute__((noinline)) void lucas_##NAME(                                 \
                Groups *groups, Sequence *sequence, __mmask8 ret_passed[N_GROUPS]) {                         \
                lucas(groups, N_LIMBS, sequence, ret_passed);                                                \
        }
EACH_SIZE(LUCAS)

TARGET int ifma_lucas(const uint64_t *words, size_t n_bits, const unsigned *parameters, size_t n_numbers,
                       bool *ret_passed) {
        size_t n_words = (n_bits + 63) / 64;
        __mmask8 passed[N_GROUPS] = {};
        Value one[N_GROUPS];
        Sequence sequence;
        Groups groups;

        groups_init(&groups, words, n_bits, n_numbers, 1);
        for (size_t i = 0; i < IFMA_LANES; i++) {
                const uint64_t *number = words + (i < n_numbers ? i : 0) * n_words;
                uint64_t carry = 1;

                /* (n + 1) / 2 */
                for (size_t k = 0; k < n_words; k++) {
                        uint64_t half = number[k] >> 1 | (k + 1 < n_words ? number[k + 1] << 63 : 0);

                        groups_set_exponent(&groups, i, k, half + carry);
                        carry &= half == UINT64_MAX;
                }
        }
        groups_one(&groups, words, n_numbers, one);
        for (size_t g = 0; g < N_GROUPS; g++)
                value_add(groups.n_limbs, sequence.two[g], one[g], one[g], groups.n[g]);
        groups_small(&groups, one, parameters, n_numbers, sequence.p);
        groups_negate(&groups, sequence.two, sequence.minus_two);
        groups_negate(&groups, sequence.p, sequence.minus_p);
        memcpy(sequence.low, sequence.two, sizeof sequence.low);
        memcpy(sequence.high, sequence.p, sizeof sequence.high);
        SIZES(lucas, &sequence, passed)
        lanes_passed(passed, n_numbers, ret_passed);
        return 0;
}

#endif
