/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Montgomery's arithmetic for odd n < 2^64 (Montgomery, "Modular multiplication without trial division", 1985): with
 * R = 2^64, a number x is kept as x·R mod n. A product of two such, divided by R modulo n, is the product's, and that
 * division is done from below: m = T·n^-1 mod R makes T - m·n a multiple of R. All values are < n.
 *
 * For files that have included one of limb-*.h.
 */

#include <stdint.h>

typedef struct Modulus64 {
        uint64_t n;
        uint64_t inverse; /* of n, mod R */
} Modulus64;

/* The inverse of an odd number modulo 2^64. */
static inline uint64_t limb_inverse(uint64_t n) {
        uint64_t inverse = 3 * n ^ 2; /* right in five bits; each step doubles them */

        for (unsigned i = 0; i < 4; i++)
                inverse *= 2 - n * inverse;
        return inverse;
}

static inline Modulus64 modulus64(uint64_t n) {
        return (Modulus64) { n, limb_inverse(n) };
}

/* (high·2^64 + low) / R, for high < n */
static inline uint64_t montgomery64_reduce(const Modulus64 *modulus, uint64_t low, uint64_t high) {
        uint64_t correction = limb_multiply_high(low * modulus->inverse, modulus->n);

        return high - correction + (modulus->n & -(uint64_t) (high < correction));
}

static inline uint64_t montgomery64_multiply(const Modulus64 *modulus, uint64_t a, uint64_t b) {
        uint64_t high, low = limb_multiply(a, b, &high);

        return montgomery64_reduce(modulus, low, high);
}

static inline uint64_t montgomery64_add(const Modulus64 *modulus, uint64_t a, uint64_t b) {
        uint64_t rest = modulus->n - b;

        return a - rest + (modulus->n & -(uint64_t) (a < rest));
}

static inline uint64_t montgomery64_subtract(const Modulus64 *modulus, uint64_t a, uint64_t b) {
        return a - b + (modulus->n & -(uint64_t) (a < b));
}

/* The square, and if `mask` is all ones and not 0, its double. */
static inline uint64_t montgomery64_step(const Modulus64 *modulus, uint64_t a, uint64_t mask) {
        uint64_t square = montgomery64_multiply(modulus, a, a);

        return montgomery64_add(modulus, square, square & mask);
}
