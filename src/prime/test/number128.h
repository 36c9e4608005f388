/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Integers below 2^128 as two words of 64 bits, which every machine and compiler has. */

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Number128 {
        uint64_t low, high;
} Number128;

/* `number` < 2^128 */
static inline Number128 number128_from(const mpz_t number) {
        uint64_t words[2] = {};

        (void) mpz_export(words, NULL, -1, sizeof words[0], 0, 0, number);
        return (Number128) { words[0], words[1] };
}

static inline void number128_to(Number128 a, mpz_t ret) {
        const uint64_t words[2] = { a.low, a.high };

        mpz_import(ret, 2, -1, sizeof words[0], 0, 0, words);
}

/* How many bits a != 0 has. */
static inline unsigned number128_bits(Number128 a) {
        return a.high ? 128 - (unsigned) __builtin_clzll(a.high) : 64 - (unsigned) __builtin_clzll(a.low);
}

/* How many zero bits a != 0 ends with. */
static inline unsigned number128_twos(Number128 a) {
        return a.low ? (unsigned) __builtin_ctzll(a.low) : 64 + (unsigned) __builtin_ctzll(a.high);
}

static inline bool number128_is_zero(Number128 a) {
        return (a.low | a.high) == 0;
}

static inline bool number128_equal(Number128 a, Number128 b) {
        return ((a.low ^ b.low) | (a.high ^ b.high)) == 0;
}

static inline bool number128_less(Number128 a, Number128 b) {
        return a.high != b.high ? a.high < b.high : a.low < b.low;
}

/* Sums and differences are modulo 2^128. */
static inline Number128 number128_add(Number128 a, Number128 b) {
        uint64_t low = a.low + b.low;

        return (Number128) { low, a.high + b.high + (low < a.low) };
}

static inline Number128 number128_subtract(Number128 a, Number128 b) {
        return (Number128) { a.low - b.low, a.high - b.high - (a.low < b.low) };
}

/* The bits of `a` under a mask of all ones or none. */
static inline Number128 number128_mask(Number128 a, uint64_t mask) {
        return (Number128) { a.low & mask, a.high & mask };
}

/* n_bits < 128 */
static inline Number128 number128_left(Number128 a, unsigned n_bits) {
        if (n_bits >= 64)
                return (Number128) { 0, a.low << (n_bits - 64) };
        return n_bits == 0 ? a : (Number128) { a.low << n_bits, a.high << n_bits | a.low >> (64 - n_bits) };
}

static inline Number128 number128_right(Number128 a, unsigned n_bits) {
        if (n_bits >= 64)
                return (Number128) { a.high >> (n_bits - 64), 0 };
        return n_bits == 0 ? a : (Number128) { a.low >> n_bits | a.high << (64 - n_bits), a.high >> n_bits };
}

/* b under a mask of all ones, a under none */
static inline Number128 number128_select(Number128 a, Number128 b, uint64_t mask) {
        return (Number128) { a.low ^ ((a.low ^ b.low) & mask), a.high ^ ((a.high ^ b.high) & mask) };
}
