/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The strong test to base 2 and the extra strong Lucas test, for several numbers in lockstep. Each kernel includes
 * this once, behind its own multiplications (montgomery64.h and montgomery128-*.h), and makes one BpswKernel of it.
 * What the tests are, and their sources, is in strong.h and lucas.h; here is how they are computed.
 *
 * Powers of two
 *
 * With n - 1 = d·2^s a prime n has 2^d = 1, or 2^(d·2^r) = -1 for some 0 <= r < s (Pomerance, Selfridge and Wagstaff,
 * "The pseudoprimes to 25·10^9", 1980). The same holds for 1/2 in place of 2, whose powers are the inverses, which is
 * more convenient: a power of two 2^j < n stands for 2^j / R in Montgomery's form, so 1/2^k has its form for nothing
 * for all k between R's bits less n's and R's bits, and neither R mod n nor a division is needed. With e = (n - 1) / 2
 * and E_r = ceil(e / 2^r), one step goes from (1/2)^E_(r+1) to (1/2)^E_r: a square, and its double if 2·E_(r+1) - E_r
 * = 1, which is bit r of -e. So it is the binary method from the left (Knuth, "The art of computer programming" 2,
 * 4.6.3), in which a factor of 1/2 too many is taken back by a doubling. The first exponent has the seven (six) upper
 * bits of e.
 *
 * (n - 1) / 2^(r+1) is whole, and equal to E_r, for r < s: the test looks at these r, of which all numbers of a group
 * have the last few in common. If s is so large that the first powers are not looked at, they are 1/2^k for k < 64,
 * and neither 1 nor -1 modulo n > 2^64.
 *
 * Lucas's sequence
 *
 * lucas.c has the test, which is that of Grantham ("Frobenius pseudoprimes", 2001) with Baillie's parameters; the
 * composites that pass are OEIS A217719. The pair (V_k, V_k+1) starts at k = 0 and takes the bits of (n + 1) / 2 from
 * the top; leading zeros keep it where it is. Numbers of a group so come to (n + 1) / 2^(r+1) together. Two products
 * per bit are enough: U is not computed, but found from the pair at the end (Joye and Quisquater, "Efficient
 * computation of full Lucas sequences", 1996). Without this last look the test would be the weaker one that is called
 * almost extra strong. The Lucas part needs 2R and PR modulo n, for which R mod n is taken.
 *
 * Any base
 *
 * The proofs of proof128.c need powers of bases that are not 2. They are computed by the binary method from the left,
 * for several bases of one n in lockstep.
 */

#include <string.h>

#include "base/macro.h"
#include "prime/test/bpsw-kernel.h"
#include "prime/test/lucas-parameter.h"

#define LANES64 4
#define LANES128 3
#define LUCAS_LANES 2

#define always_inline static inline __attribute__((always_inline))
#define EACH_OF(n) _Pragma(STRING(GCC unroll n))
#define STRING(x) #x

/* All ones if the uppermost bit is 1, else 0. */
always_inline uint64_t sign_mask(uint64_t word) {
        return -(word >> 63);
}

always_inline void strong64_group(const uint64_t numbers[LANES64], bool ret_passed[LANES64]) {
        unsigned n_bits = 64 - (unsigned) __builtin_clzll(numbers[0]), n_twos[LANES64], twos_max = 1, rest;
        uint64_t power[LANES64], exponent[LANES64];
        Modulus64 modulus[LANES64];

        EACH_OF(4)
        for (unsigned i = 0; i < LANES64; i++) {
                n_twos[i] = (unsigned) __builtin_ctzll(numbers[i] - 1);
                twos_max = MAX(twos_max, n_twos[i]);
                ret_passed[i] = false;
        }
        /* Small numbers have small powers: they begin where something must be looked at. */
        rest = MAX(n_bits > 7 ? n_bits - 7 : 0, twos_max - 1);
        EACH_OF(4)
        for (unsigned i = 0; i < LANES64; i++) {
                uint64_t half = numbers[i] >> 1, first = (half >> rest) + ((half & ((UINT64_C(1) << rest) - 1)) != 0);

                modulus[i] = modulus64(numbers[i]);
                power[i] = UINT64_C(1) << (64 - first);
                if (power[i] >= numbers[i])
                        power[i] %= numbers[i];
                exponent[i] = rest > 0 ? -half << (64 - rest) : 0;
        }
        for (; rest >= twos_max; rest--)
                EACH_OF(4)
                for (unsigned i = 0; i < LANES64; i++) {
                        power[i] = montgomery64_step(modulus + i, power[i], sign_mask(exponent[i]));
                        exponent[i] <<= 1;
                }
        for (;; rest--) {
                EACH_OF(4)
                for (unsigned i = 0; i < LANES64; i++)
                        if (rest < n_twos[i]) {
                                uint64_t plain = montgomery64_reduce(modulus + i, power[i], 0);

                                ret_passed[i] |= plain == numbers[i] - 1 || (plain == 1 && rest + 1 == n_twos[i]);
                        }
                if (rest == 0)
                        return;
                EACH_OF(4)
                for (unsigned i = 0; i < LANES64; i++) {
                        power[i] = montgomery64_step(modulus + i, power[i], sign_mask(exponent[i]));
                        exponent[i] <<= 1;
                }
        }
}

/* The number < n that is a. */
always_inline Number128 montgomery128_value(const Modulus128 *modulus, Number128 a, bool is_lazy) {
        return is_lazy ? montgomery128_settle(modulus, a) : a;
}

/* a / R, < n */
always_inline Number128 montgomery128_plain(const Modulus128 *modulus, Number128 a, bool is_lazy) {
        return montgomery128_value(modulus, montgomery128_multiply(modulus, a, (Number128) { 1, 0 }, is_lazy), is_lazy);
}

always_inline void strong128_group(const Number128 numbers[LANES128], bool is_lazy, bool ret_passed[LANES128]) {
        unsigned n_bits = number128_bits(numbers[0]), n_twos[LANES128], twos_max = 1, rest = n_bits - 8;
        Number128 power[LANES128], exponent[LANES128];
        Modulus128 modulus[LANES128];

        EACH_OF(4)
        for (unsigned i = 0; i < LANES128; i++) {
                Number128 less_one = { numbers[i].low - 1, numbers[i].high }, half = number128_right(less_one, 1);
                Number128 negative = number128_left(number128_subtract((Number128) {}, half), 128 - rest);
                uint64_t first = number128_right(half, rest).low + !number128_is_zero(negative);

                modulus[i] = modulus128(numbers[i]);
                n_twos[i] = number128_twos(less_one);
                twos_max = MAX(twos_max, n_twos[i]);
                exponent[i] = negative;
                power[i] = number128_left((Number128) { 1, 0 }, 128 - (unsigned) first);
                ret_passed[i] = false;
        }
        /* A word of the exponent at a time, as far as nothing is looked at. */
        for (unsigned now; rest >= twos_max; rest -= now) {
                uint64_t word[LANES128];

                now = MIN(rest - twos_max + 1, 64U);
                EACH_OF(4)
                for (unsigned i = 0; i < LANES128; i++) {
                        word[i] = exponent[i].high;
                        exponent[i] = number128_left(exponent[i], now);
                }
                for (unsigned k = 0; k < now; k++)
                        EACH_OF(4)
                        for (unsigned i = 0; i < LANES128; i++) {
                                power[i] = montgomery128_step(modulus + i, power[i], sign_mask(word[i]), is_lazy);
                                word[i] <<= 1;
                        }
        }
        for (;; rest--) {
                EACH_OF(4)
                for (unsigned i = 0; i < LANES128; i++)
                        if (rest < n_twos[i]) {
                                Number128 plain = montgomery128_plain(modulus + i, power[i], is_lazy);
                                Number128 less_one = { numbers[i].low - 1, numbers[i].high };

                                ret_passed[i] |= number128_equal(plain, less_one) ||
                                                 (number128_equal(plain, (Number128) { 1, 0 }) &&
                                                  rest + 1 == n_twos[i]);
                        }
                if (rest == 0)
                        return;
                EACH_OF(4)
                for (unsigned i = 0; i < LANES128; i++) {
                        power[i] = montgomery128_step(modulus + i, power[i], sign_mask(exponent[i].high), is_lazy);
                        exponent[i] = number128_add(exponent[i], exponent[i]);
                }
        }
}

/* count·one mod n */
static uint64_t montgomery64_small(const Modulus64 *modulus, uint64_t one, uint64_t count) {
        uint64_t sum = 0;

        for (uint64_t bit = UINT64_C(1) << 63 >> __builtin_clzll(count); bit > 0; bit >>= 1) {
                sum = montgomery64_add(modulus, sum, sum);
                if (count & bit)
                        sum = montgomery64_add(modulus, sum, one);
        }
        return sum;
}

static Number128 montgomery128_small(const Modulus128 *modulus, Number128 one, uint64_t count) {
        Number128 sum = {};

        for (uint64_t bit = UINT64_C(1) << 63 >> __builtin_clzll(count); bit > 0; bit >>= 1) {
                sum = montgomery128_add(modulus, sum, sum);
                if (count & bit)
                        sum = montgomery128_add(modulus, sum, one);
        }
        return sum;
}

always_inline void lucas64_group(const uint64_t numbers[LUCAS_LANES], const unsigned parameters[LUCAS_LANES],
                                 bool ret_passed[LUCAS_LANES]) {
        uint64_t low[LUCAS_LANES], high[LUCAS_LANES], exponent[LUCAS_LANES], two[LUCAS_LANES], p[LUCAS_LANES];
        unsigned rest = 0, n_twos[LUCAS_LANES];
        Modulus64 modulus[LUCAS_LANES];

        EACH_OF(4)
        for (unsigned i = 0; i < LUCAS_LANES; i++) {
                uint64_t one = -numbers[i] % numbers[i], half = (numbers[i] >> 1) + 1;

                modulus[i] = modulus64(numbers[i]);
                n_twos[i] = 1 + (unsigned) __builtin_ctzll(half);
                rest = MAX(rest, 64 - (unsigned) __builtin_clzll(half));
                exponent[i] = half;
                low[i] = two[i] = montgomery64_add(modulus + i, one, one);
                high[i] = p[i] = montgomery64_small(modulus + i, one, parameters[i]);
                ret_passed[i] = false;
        }
        for (;;) {
                EACH_OF(4)
                for (unsigned i = 0; i < LUCAS_LANES; i++)
                        if (rest < n_twos[i]) {
                                if (rest + 1 == n_twos[i] && (low[i] == two[i] || low[i] + two[i] == numbers[i]))
                                        ret_passed[i] = montgomery64_add(modulus + i, high[i], high[i]) ==
                                                        montgomery64_multiply(modulus + i, low[i], p[i]);
                                ret_passed[i] |= low[i] == 0 && rest > 0;
                        }
                if (rest-- == 0)
                        return;
                EACH_OF(4)
                for (unsigned i = 0; i < LUCAS_LANES; i++) {
                        uint64_t mask = -(exponent[i] >> rest & 1), product, square;
                        uint64_t base = low[i] ^ ((low[i] ^ high[i]) & mask);

                        product = montgomery64_multiply(modulus + i, low[i], high[i]);
                        square = montgomery64_multiply(modulus + i, base, base);
                        product = montgomery64_subtract(modulus + i, product, p[i]);
                        square = montgomery64_subtract(modulus + i, square, two[i]);
                        low[i] = square ^ ((square ^ product) & mask);
                        high[i] = product ^ ((square ^ product) & mask);
                }
        }
}

always_inline void lucas128_group(const Number128 numbers[LUCAS_LANES], const unsigned parameters[LUCAS_LANES],
                                  bool is_lazy, bool ret_passed[LUCAS_LANES]) {
        Number128 pair[LUCAS_LANES][2], exponent[LUCAS_LANES];
        Number128 two[LUCAS_LANES], p[LUCAS_LANES], minus_two[LUCAS_LANES], minus_p[LUCAS_LANES];
        unsigned rest = 0, n_twos[LUCAS_LANES];
        Modulus128 modulus[LUCAS_LANES];

        EACH_OF(4)
        for (unsigned i = 0; i < LUCAS_LANES; i++) {
                Number128 one = limb_power128(numbers[i]);
                Number128 half = number128_add(number128_right(numbers[i], 1), (Number128) { 1, 0 });

                modulus[i] = modulus128(numbers[i]);
                n_twos[i] = 1 + number128_twos(half);
                rest = MAX(rest, number128_bits(half));
                exponent[i] = half;
                pair[i][0] = two[i] = montgomery128_add(modulus + i, one, one);
                pair[i][1] = p[i] = montgomery128_small(modulus + i, one, parameters[i]);
                minus_two[i] = number128_subtract(numbers[i], two[i]);
                minus_p[i] = number128_subtract(numbers[i], p[i]);
                ret_passed[i] = false;
        }
        EACH_OF(4)
        for (unsigned i = 0; i < LUCAS_LANES; i++)
                exponent[i] = number128_left(exponent[i], 128 - rest);
        for (;;) {
                EACH_OF(4)
                for (unsigned i = 0; i < LUCAS_LANES; i++)
                        if (rest < n_twos[i]) {
                                Number128 v = montgomery128_value(modulus + i, pair[i][0], is_lazy);

                                if (rest + 1 == n_twos[i] &&
                                    (number128_equal(v, two[i]) || number128_equal(v, minus_two[i]))) {
                                        Number128 next = montgomery128_value(modulus + i, pair[i][1], is_lazy);
                                        Number128 product = montgomery128_multiply(modulus + i, v, p[i], is_lazy);

                                        product = montgomery128_value(modulus + i, product, is_lazy);
                                        ret_passed[i] =
                                                number128_equal(montgomery128_add(modulus + i, next, next), product);
                                }
                                ret_passed[i] |= number128_is_zero(v) && rest > 0;
                        }
                if (rest-- == 0)
                        return;
                EACH_OF(4)
                for (unsigned i = 0; i < LUCAS_LANES; i++) {
                        unsigned bit = (unsigned) (exponent[i].high >> 63);
                        Number128 square, product;

                        exponent[i] = number128_add(exponent[i], exponent[i]);
                        square = montgomery128_square_add(modulus + i, pair[i][bit], minus_two[i], is_lazy);
                        product = montgomery128_multiply_add(modulus + i, pair[i][0], pair[i][1], minus_p[i], is_lazy);
                        pair[i][bit] = square;
                        pair[i][!bit] = product;
                }
        }
}

/* Fills a group: behind the last number, and where the size in bits changes, with copies. Returns how many are new. */
static size_t group64(const uint64_t *numbers, size_t n_numbers, uint64_t ret_group[LANES64]) {
        size_t n = 1;

        ret_group[0] = numbers[0];
        while (n < MIN(n_numbers, (size_t) LANES64) && __builtin_clzll(numbers[n]) == __builtin_clzll(numbers[0])) {
                ret_group[n] = numbers[n];
                n++;
        }
        for (size_t i = n; i < LANES64; i++)
                ret_group[i] = numbers[0];
        return n;
}

static size_t group128(const Number128 *numbers, size_t n_numbers, size_t n_lanes, Number128 *ret_group) {
        size_t n = 1;

        ret_group[0] = numbers[0];
        while (n < MIN(n_numbers, n_lanes) && number128_bits(numbers[n]) == number128_bits(numbers[0])) {
                ret_group[n] = numbers[n];
                n++;
        }
        for (size_t i = n; i < n_lanes; i++)
                ret_group[i] = numbers[0];
        return n;
}

static void strong64(const uint64_t *numbers, size_t n_numbers, bool *ret_passed) {
        for (size_t done = 0, n; done < n_numbers; done += n) {
                uint64_t group[LANES64];
                bool passed[LANES64];

                n = group64(numbers + done, n_numbers - done, group);
                strong64_group(group, passed);
                memcpy(ret_passed + done, passed, n);
        }
}

static __attribute__((noinline)) void strong128_lazy(const Number128 numbers[LANES128], bool ret_passed[LANES128]) {
        strong128_group(numbers, true, ret_passed);
}

static __attribute__((noinline)) void strong128_exact(const Number128 numbers[LANES128], bool ret_passed[LANES128]) {
        strong128_group(numbers, false, ret_passed);
}

static void strong128(const Number128 *numbers, size_t n_numbers, bool *ret_passed) {
        for (size_t done = 0, n; done < n_numbers; done += n) {
                Number128 group[LANES128];
                bool passed[LANES128];

                n = group128(numbers + done, n_numbers - done, LANES128, group);
                if (number128_bits(group[0]) <= MONTGOMERY128_LAZY_BITS)
                        strong128_lazy(group, passed);
                else
                        strong128_exact(group, passed);
                memcpy(ret_passed + done, passed, n);
        }
}

/* What is composite for its parameter leaves the group before it begins. */
static void lucas64(const uint64_t *numbers, size_t n_numbers, bool *ret_passed) {
        size_t places[LUCAS_LANES], n = 0;
        uint64_t group[LUCAS_LANES];
        unsigned parameters[LUCAS_LANES];

        for (size_t at = 0; at < n_numbers; at++) {
                unsigned parameter = lucas_parameter128((Number128) { numbers[at], 0 });

                ret_passed[at] = false;
                if (parameter > 0) {
                        places[n] = at;
                        group[n] = numbers[at];
                        parameters[n] = parameter;
                        n++;
                }
                if (n == LUCAS_LANES || (n > 0 && at + 1 == n_numbers)) {
                        bool passed[LUCAS_LANES];

                        for (size_t i = n; i < LUCAS_LANES; i++) {
                                group[i] = group[0];
                                parameters[i] = parameters[0];
                        }
                        lucas64_group(group, parameters, passed);
                        for (size_t i = 0; i < n; i++)
                                ret_passed[places[i]] = passed[i];
                        n = 0;
                }
        }
}

static __attribute__((noinline)) void lucas128_lazy(const Number128 numbers[LUCAS_LANES],
                                                    const unsigned parameters[LUCAS_LANES],
                                                    bool ret_passed[LUCAS_LANES]) {
        lucas128_group(numbers, parameters, true, ret_passed);
}

static __attribute__((noinline)) void lucas128_exact(const Number128 numbers[LUCAS_LANES],
                                                     const unsigned parameters[LUCAS_LANES],
                                                     bool ret_passed[LUCAS_LANES]) {
        lucas128_group(numbers, parameters, false, ret_passed);
}

static void lucas128(const Number128 *numbers, size_t n_numbers, bool *ret_passed) {
        size_t places[LUCAS_LANES], n = 0;
        Number128 group[LUCAS_LANES];
        unsigned parameters[LUCAS_LANES];
        bool is_lazy = true;

        for (size_t at = 0; at < n_numbers; at++) {
                unsigned parameter = lucas_parameter128(numbers[at]);

                ret_passed[at] = false;
                if (parameter > 0) {
                        places[n] = at;
                        group[n] = numbers[at];
                        parameters[n] = parameter;
                        is_lazy &= number128_bits(numbers[at]) <= MONTGOMERY128_LAZY_BITS;
                        n++;
                }
                if (n == LUCAS_LANES || (n > 0 && at + 1 == n_numbers)) {
                        bool passed[LUCAS_LANES];

                        for (size_t i = n; i < LUCAS_LANES; i++) {
                                group[i] = group[0];
                                parameters[i] = parameters[0];
                        }
                        (is_lazy ? lucas128_lazy : lucas128_exact)(group, parameters, passed);
                        for (size_t i = 0; i < n; i++)
                                ret_passed[places[i]] = passed[i];
                        n = 0;
                        is_lazy = true;
                }
        }
}

/* base^exponent for a group of bases, in Montgomery's form; one: R mod n */
always_inline void powers128_group(const Modulus128 *modulus, Number128 one, const uint64_t bases[LANES128],
                                   Number128 exponent, bool is_lazy, Number128 ret_powers[LANES128]) {
        unsigned n_bits = number128_bits(exponent);
        Number128 factors[LANES128], powers[LANES128];

        exponent = number128_left(exponent, 128 - n_bits);
        EACH_OF(4)
        for (unsigned i = 0; i < LANES128; i++)
                powers[i] = factors[i] = montgomery128_small(modulus, one, bases[i]);
        for (unsigned rest = n_bits - 1; rest > 0; rest--) {
                exponent = number128_add(exponent, exponent);
                EACH_OF(4)
                for (unsigned i = 0; i < LANES128; i++)
                        powers[i] = montgomery128_step(modulus, powers[i], 0, is_lazy);
                if (exponent.high >> 63)
                        EACH_OF(4)
                        for (unsigned i = 0; i < LANES128; i++)
                                powers[i] = montgomery128_multiply(modulus, powers[i], factors[i], is_lazy);
        }
        EACH_OF(4)
        for (unsigned i = 0; i < LANES128; i++)
                ret_powers[i] = montgomery128_value(modulus, powers[i], is_lazy);
}

static __attribute__((noinline)) void powers128(const Modulus128 *modulus, Number128 one,
                                                const uint64_t bases[LANES128], Number128 exponent,
                                                Number128 ret_powers[LANES128]) {
        if (number128_bits(modulus->n) <= MONTGOMERY128_LAZY_BITS)
                powers128_group(modulus, one, bases, exponent, true, ret_powers);
        else
                powers128_group(modulus, one, bases, exponent, false, ret_powers);
}

static size_t group_bases(const uint64_t *bases, size_t n_bases, uint64_t ret_group[LANES128]) {
        size_t n = MIN(n_bases, (size_t) LANES128);

        for (size_t i = 0; i < LANES128; i++)
                ret_group[i] = bases[i < n ? i : 0];
        return n;
}

static bool strong128_bases(Number128 n, const uint64_t *bases, size_t n_bases) {
        Number128 less_one = { n.low - 1, n.high }, one = limb_power128(n), minus_one = number128_subtract(n, one);
        unsigned n_twos = number128_twos(less_one);
        Modulus128 modulus = modulus128(n);

        for (size_t done = 0, n_new; done < n_bases; done += n_new) {
                Number128 powers[LANES128];
                uint64_t group[LANES128];

                n_new = group_bases(bases + done, n_bases - done, group);
                powers128(&modulus, one, group, number128_right(less_one, n_twos), powers);
                for (size_t i = 0; i < n_new; i++) {
                        bool passes = number128_equal(powers[i], one);

                        for (unsigned r = 0; r < n_twos && !passes; r++) {
                                passes = number128_equal(powers[i], minus_one);
                                powers[i] = montgomery128_step(&modulus, powers[i], 0, false);
                        }
                        if (!passes)
                                return false;
                }
        }
        return true;
}

static void euler128(Number128 n, const uint64_t *bases, size_t n_bases, int *ret) {
        Number128 one = limb_power128(n), minus_one = number128_subtract(n, one);
        Modulus128 modulus = modulus128(n);

        for (size_t done = 0, n_new; done < n_bases; done += n_new) {
                Number128 powers[LANES128];
                uint64_t group[LANES128];

                n_new = group_bases(bases + done, n_bases - done, group);
                powers128(&modulus, one, group, number128_right(n, 1), powers);
                for (size_t i = 0; i < n_new; i++)
                        ret[done + i] = number128_equal(powers[i], one)         ? 1
                                        : number128_equal(powers[i], minus_one) ? -1
                                                                                : 0;
        }
}

static bool is_usable(void);

#define BPSW_KERNEL(NAME)                                                                                    \
        {                                                                                                    \
                .name = (NAME), .is_usable = is_usable, .strong64 = strong64, .strong128 = strong128,        \
                .lucas64 = lucas64, .lucas128 = lucas128, .strong128_bases = strong128_bases,                \
                .euler128 = euler128,                                                                        \
        }
