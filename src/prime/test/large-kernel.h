/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Montgomery's products of numbers of many limbs. With R = 2^(limb bits · n_limbs), operands and results are < R,
 * congruent to what they stand for, and < 2n + 2 if the operands are < 4n and n < R/16.
 */

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct LargeModulus {
        const mp_limb_t *n; /* odd */
        size_t n_limbs;
        mp_limb_t negative;  /* -1/n modulo one limb */
        mp_limb_t *scratch; /* 2·n_limbs + 2 */
} LargeModulus;

/* ret = a·b / R; ret may be an operand. */
typedef void LargeMultiply(const LargeModulus *modulus, mp_limb_t *ret, const mp_limb_t *a, const mp_limb_t *b);

/* ret = a² / R */
typedef void LargeSquare(const LargeModulus *modulus, mp_limb_t *ret, const mp_limb_t *a);

typedef struct LargeKernel {
        const char *name;
        bool (*is_usable)(void);
        size_t n_limbs_min, n_limbs_max; /* with functions of their own */
        LargeMultiply *const *multiply;  /* by n_limbs - n_limbs_min */
        LargeSquare *const *square;
} LargeKernel;

#if GMP_LIMB_BITS == 64 && defined(__x86_64__)
extern const LargeKernel large_x86;
#endif

/* On GMP's functions, for any number of limbs. */
LargeMultiply large_multiply_portable;
LargeSquare large_square_portable;
