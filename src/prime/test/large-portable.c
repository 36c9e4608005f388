/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Montgomery's products on GMP's functions for limbs, which are written in assembler for most processors: the
 * reference for large-x86.c, and what other processors use.
 *
 * The product of n_limbs limbs each is made first, so that GMP may choose the method and square faster than it
 * multiplies; then it is divided by R (the separated operand scanning of Koç, Acar and Kaliski, "Analyzing and
 * comparing Montgomery multiplication algorithms", 1996). One row per limb adds the multiple of n that makes the
 * lowest limb 0. With a, b < R the result is less than (R² + R·n) / R = R + n, so no more than 1 is carried out at the
 * top, and one n less is below R. Whether it is below n does not matter: large-test.c allows for some multiples.
 */

#include "prime/test/large-kernel.h"

/* One row per limb makes it 0; its carry is kept in its place, and added at the end. */
static void reduce(const LargeModulus *modulus, mp_limb_t *ret) {
        mp_size_t n_limbs = (mp_size_t) modulus->n_limbs;
        mp_limb_t *t = modulus->scratch;

        for (mp_size_t i = 0; i < n_limbs; i++)
                t[i] = mpn_addmul_1(t + i, modulus->n, n_limbs, t[i] * modulus->negative);
        if (mpn_add_n(ret, t, t + n_limbs, n_limbs))
                (void) mpn_sub_n(ret, ret, modulus->n, n_limbs);
}

void large_multiply_portable(const LargeModulus *modulus, mp_limb_t *ret, const mp_limb_t *a, const mp_limb_t *b) {
        mpn_mul_n(modulus->scratch, a, b, (mp_size_t) modulus->n_limbs);
        reduce(modulus, ret);
}

void large_square_portable(const LargeModulus *modulus, mp_limb_t *ret, const mp_limb_t *a) {
        mpn_sqr(modulus->scratch, a, (mp_size_t) modulus->n_limbs);
        reduce(modulus, ret);
}
