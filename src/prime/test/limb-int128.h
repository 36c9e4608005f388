/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Products of words where the compiler has 128-bit integers: on every 64-bit machine. */

#include <stdint.h>

#include "prime/test/number128.h"

typedef unsigned __int128 Limb2;

/* a·b; returns the lower word. */
static inline uint64_t limb_multiply(uint64_t a, uint64_t b, uint64_t *ret_high) {
        Limb2 product = (Limb2) a * b;

        *ret_high = (uint64_t) (product >> 64);
        return (uint64_t) product;
}

/* a·b + c + d, which fits; returns the lower word. */
static inline uint64_t limb_multiply_add(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t *ret_high) {
        Limb2 sum = (Limb2) a * b + c + d;

        *ret_high = (uint64_t) (sum >> 64);
        return (uint64_t) sum;
}

static inline uint64_t limb_multiply_high(uint64_t a, uint64_t b) {
        return (uint64_t) ((Limb2) a * b >> 64);
}

/* a + b + carry, with carry 0 or 1 */
static inline uint64_t limb_add(uint64_t a, uint64_t b, uint64_t *carry) {
        Limb2 sum = (Limb2) a + b + *carry;

        *carry = (uint64_t) (sum >> 64);
        return (uint64_t) sum;
}

/* a - b - borrow, with borrow 0 or 1 */
static inline uint64_t limb_subtract(uint64_t a, uint64_t b, uint64_t *borrow) {
        Limb2 difference = (Limb2) a - b - *borrow;

        *borrow = (uint64_t) (difference >> 64) & 1;
        return (uint64_t) difference;
}

/* over·2^128 + a, or n less where that is not < n */
static inline Number128 limb_settle(Number128 a, uint64_t over, Number128 n) {
        Limb2 value = (Limb2) a.high << 64 | a.low, modulus = (Limb2) n.high << 64 | n.low;
        Limb2 rest = value - modulus;

        if (!over && value < modulus)
                rest = value;
        return (Number128) { (uint64_t) rest, (uint64_t) (rest >> 64) };
}

/* 2^128 mod n */
static inline Number128 limb_power128(Number128 n) {
        Limb2 modulus = (Limb2) n.high << 64 | n.low, power = -modulus % modulus;

        return (Number128) { (uint64_t) power, (uint64_t) (power >> 64) };
}
