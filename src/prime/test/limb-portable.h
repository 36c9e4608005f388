/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Products of words in plain C, from products of 32-bit halves: the schoolbook's (Knuth, "The art of computer
 * programming" 2, 4.3.1, algorithm M; Warren, "Hacker's Delight", chapter 8). Nothing overflows: with halves < b =
 * 2^32 a product of two and two further halves is at most (b - 1)² + 2(b - 1) = b² - 1, and the same holds for words.
 * Carries are found by comparing a sum with what it was made of.
 */

#include <stdint.h>

#include "prime/test/number128.h"

/* a·b; returns the lower word. */
static inline uint64_t limb_multiply(uint64_t a, uint64_t b, uint64_t *ret_high) {
        uint64_t a0 = (uint32_t) a, a1 = a >> 32, b0 = (uint32_t) b, b1 = b >> 32;
        uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32), other = a0 * b1 + (uint32_t) middle;

        *ret_high = a1 * b1 + (middle >> 32) + (other >> 32);
        return other << 32 | (uint32_t) low;
}

/* a·b + c + d, which fits; returns the lower word. */
static inline uint64_t limb_multiply_add(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t *ret_high) {
        uint64_t high, low = limb_multiply(a, b, &high), sum = low + c, whole = sum + d;

        *ret_high = high + (sum < low) + (whole < sum);
        return whole;
}

static inline uint64_t limb_multiply_high(uint64_t a, uint64_t b) {
        uint64_t high;

        (void) limb_multiply(a, b, &high);
        return high;
}

/* a + b + carry, with carry 0 or 1 */
static inline uint64_t limb_add(uint64_t a, uint64_t b, uint64_t *carry) {
        uint64_t sum = a + b, whole = sum + *carry;

        *carry = (sum < a) | (whole < sum);
        return whole;
}

/* a - b - borrow, with borrow 0 or 1 */
static inline uint64_t limb_subtract(uint64_t a, uint64_t b, uint64_t *borrow) {
        uint64_t difference = a - b, whole = difference - *borrow;

        *borrow = (a < b) | (difference < *borrow);
        return whole;
}

/* over·2^128 + a, or n less where that is not < n */
static inline Number128 limb_settle(Number128 a, uint64_t over, Number128 n) {
        uint64_t borrow = 0;
        Number128 rest;

        rest.low = limb_subtract(a.low, n.low, &borrow);
        rest.high = limb_subtract(a.high, n.high, &borrow);
        return number128_select(rest, a, -(borrow & (over ^ 1)));
}

/* 2^128 mod n, for n >= 2^64: doublings of the largest power of two below n */
static inline Number128 limb_power128(Number128 n) {
        unsigned n_bits = number128_bits(n);
        Number128 power = number128_left((Number128) { 1, 0 }, n_bits - 1);

        for (unsigned i = n_bits - 1; i < 128; i++) {
                Number128 twice = number128_add(power, power);

                if (power.high >> 63 || !number128_less(twice, n))
                        twice = number128_subtract(twice, n);
                power = twice;
        }
        return power;
}
