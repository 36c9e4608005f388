/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The products of montgomery128.h in C, on the words of limb-*.h. A word of b is multiplied and a division by 2^64
 * follows, then the other word: the coarsely integrated operand scanning (CIOS) of Koç, Acar and Kaliski, "Analyzing
 * and comparing Montgomery multiplication algorithms", 1996. The sum never has more than three words and a bit. Both
 * variants divide by adding m·n, so the result is < ab/R + n: < 2n for exact operands, which one subtraction settles,
 * and within the bounds of the lazy ones.
 */

#include "prime/test/montgomery128.h"

/*
 * a·b. A word of b at a time, each followed by a division by 2^64, so that only sums of the form a·b + c + d occur, of
 * which compilers make the best of carries. `over` is the 129th bit, which lazy numbers never have.
 */
static inline Number128 montgomery128_multiply(const Modulus128 *modulus, Number128 a, Number128 b, bool is_lazy) {
        uint64_t t0 = 0, t1 = 0, t2, over = 0, carry, m;

        for (unsigned i = 0; i < 2; i++) {
                uint64_t word = i == 0 ? b.low : b.high;

                t0 = limb_multiply_add(a.low, word, t0, 0, &carry);
                t1 = limb_multiply_add(a.high, word, t1, carry, &carry);
                t2 = carry + over;
                over = !is_lazy && t2 < over;
                m = t0 * modulus->negative;
                (void) limb_multiply_add(m, modulus->n.low, t0, 0, &carry);
                t0 = limb_multiply_add(m, modulus->n.high, t1, carry, &carry);
                t1 = t2 + carry;
                over += !is_lazy && t1 < carry;
        }
        if (!is_lazy)
                return limb_settle((Number128) { t0, t1 }, over, modulus->n);
        return (Number128) { t0, t1 };
}

/* a·b + c, c < n */
static inline Number128 montgomery128_multiply_add(const Modulus128 *modulus, Number128 a, Number128 b, Number128 c,
                                                   bool is_lazy) {
        Number128 product = montgomery128_multiply(modulus, a, b, is_lazy);

        return is_lazy ? number128_add(product, c) : montgomery128_add(modulus, product, c);
}

/* a² + c, c < n */
static inline Number128 montgomery128_square_add(const Modulus128 *modulus, Number128 a, Number128 c, bool is_lazy) {
        Number128 square = montgomery128_multiply(modulus, a, a, is_lazy);

        return is_lazy ? number128_add(square, c) : montgomery128_add(modulus, square, c);
}

/* a², and if `mask` is all ones and not 0, its double. */
static inline Number128 montgomery128_step(const Modulus128 *modulus, Number128 a, uint64_t mask, bool is_lazy) {
        Number128 square = montgomery128_multiply(modulus, a, a, is_lazy), doubled = number128_mask(square, mask);

        return is_lazy ? number128_add(square, doubled) : montgomery128_add(modulus, square, doubled);
}
