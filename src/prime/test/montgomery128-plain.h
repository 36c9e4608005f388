/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The products of montgomery128.h in C, on the words of limb-*.h. */

#include "prime/test/montgomery128.h"

/* t / 2^128, lazy */
static inline Number128 montgomery128_reduce_lazy(const Modulus128 *modulus, const uint64_t t[4]) {
        uint64_t b0, b1, c0, c1, m, high, carry = 0, t1, t2, t3;

        b0 = limb_multiply(t[0], modulus->half.low, &b1);
        c0 = limb_multiply(t[0], modulus->half.high, &c1);
        t1 = limb_add(t[1], b0, &carry);
        t2 = limb_add(t[2], b1, &carry);
        t3 = t[3] + c1 + carry;
        carry = 0;
        t2 = limb_add(t2, c0, &carry);
        t3 += carry;

        m = t1 * modulus->negative;
        high = limb_multiply_high(m, modulus->n.low);
        c0 = limb_multiply(m, modulus->n.high, &c1);
        carry = t1 != 0;
        t2 = limb_add(t2, high, &carry);
        t3 += c1 + carry;
        carry = 0;
        t2 = limb_add(t2, c0, &carry);
        return (Number128) { t2, t3 + carry };
}

/* t / 2^128, for t < n·2^128 */
static inline Number128 montgomery128_reduce_exact(const Modulus128 *modulus, const uint64_t t[4]) {
        uint64_t m, u0, u1, carry, borrow = 0, over, t1, t2, t3;

        /* (u1, u0) is m·n / 2^64, whose lower word is t[0]. */
        m = t[0] * modulus->inverse;
        u0 = limb_multiply(m, modulus->n.high, &u1);
        carry = 0;
        u0 = limb_add(u0, limb_multiply_high(m, modulus->n.low), &carry);
        u1 += carry;
        t1 = limb_subtract(t[1], u0, &borrow);
        t2 = limb_subtract(t[2], u1, &borrow);
        t3 = limb_subtract(t[3], 0, &borrow);
        over = borrow;

        m = t1 * modulus->inverse;
        u0 = limb_multiply(m, modulus->n.high, &u1);
        carry = 0;
        u0 = limb_add(u0, limb_multiply_high(m, modulus->n.low), &carry);
        u1 += carry;
        borrow = 0;
        t2 = limb_subtract(t2, u0, &borrow);
        t3 = limb_subtract(t3, u1, &borrow);
        return number128_add((Number128) { t2, t3 }, number128_mask(modulus->n, -(over | borrow)));
}

/* a·b */
static inline Number128 montgomery128_multiply(const Modulus128 *modulus, Number128 a, Number128 b, bool is_lazy) {
        uint64_t t[4], x0, x1, carry = 0;

        t[0] = limb_multiply(a.low, b.low, &t[1]);
        t[2] = limb_multiply(a.high, b.high, &t[3]);
        for (unsigned i = 0; i < 2; i++) {
                x0 = limb_multiply(i ? a.high : a.low, i ? b.low : b.high, &x1);
                carry = 0;
                t[1] = limb_add(t[1], x0, &carry);
                t[2] = limb_add(t[2], x1, &carry);
                t[3] += carry;
        }
        return is_lazy ? montgomery128_reduce_lazy(modulus, t) : montgomery128_reduce_exact(modulus, t);
}

static inline Number128 montgomery128_square(const Modulus128 *modulus, Number128 a, bool is_lazy) {
        uint64_t t[4], x0, x1, over, carry = 0;

        t[0] = limb_multiply(a.low, a.low, &t[1]);
        t[2] = limb_multiply(a.high, a.high, &t[3]);
        x0 = limb_multiply(a.low, a.high, &x1);
        over = x1 >> 63;
        x1 = x1 << 1 | x0 >> 63;
        t[1] = limb_add(t[1], x0 << 1, &carry);
        t[2] = limb_add(t[2], x1, &carry);
        t[3] += over + carry;
        return is_lazy ? montgomery128_reduce_lazy(modulus, t) : montgomery128_reduce_exact(modulus, t);
}

/* a·b + c, c < n */
static inline Number128 montgomery128_multiply_add(const Modulus128 *modulus, Number128 a, Number128 b, Number128 c,
                                                   bool is_lazy) {
        Number128 product = montgomery128_multiply(modulus, a, b, is_lazy);

        return is_lazy ? number128_add(product, c) : montgomery128_add(modulus, product, c);
}

/* a² + c, c < n */
static inline Number128 montgomery128_square_add(const Modulus128 *modulus, Number128 a, Number128 c, bool is_lazy) {
        Number128 square = montgomery128_square(modulus, a, is_lazy);

        return is_lazy ? number128_add(square, c) : montgomery128_add(modulus, square, c);
}

/* a², and if `mask` is all ones and not 0, its double. */
static inline Number128 montgomery128_step(const Modulus128 *modulus, Number128 a, uint64_t mask, bool is_lazy) {
        Number128 square = montgomery128_square(modulus, a, is_lazy), doubled = number128_mask(square, mask);

        return is_lazy ? number128_add(square, doubled) : montgomery128_add(modulus, square, doubled);
}
