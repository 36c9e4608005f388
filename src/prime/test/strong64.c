/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The strong test below 2^64 on Montgomery's arithmetic, written down as plainly as it goes. A number x is kept as x·R
 * mod n with R = 2^64: then a product takes three multiplications and no division (Montgomery, "Modular multiplication
 * without trial division", 1985). a·b has the upper word h; the lower one, times 1/n modulo R, is the multiple m for
 * which a·b - m·n is a multiple of R; so the answer is h less the upper word of m·n, or n more if that is negative. It
 * is < n for a, b < n, whatever odd n < 2^64 is. To bring a base into this form it is multiplied by R² mod n.
 *
 * Powers are taken from the right, bit by bit of d in n - 1 = d·2^s; strong.c has the condition.
 *
 * A few fixed bases are enough for all n below some bound. Pomerance, Selfridge and Wagstaff found the first such
 * bounds (1980), Jaeschke those for the primes up to 19 ("On strong pseudoprimes to several bases", 1993). With bases
 * that need not be prime seven do for all of 2^64. They were found by Sinclair (2011); that no composite passes all
 * seven was checked with Feitsma's complete list of the pseudoprimes to the first of them, which is 2.
 */

#include "prime/test/strong64.h"

#include <stddef.h>

#include "base/macro.h"

typedef struct Modulus {
        uint64_t n;
        uint64_t inverse;    /* of n, mod R */
        uint64_t one;        /* 1·R mod n */
        uint64_t square;     /* R·R mod n */
} Modulus;

/* The upper half of a·b. */
static uint64_t multiply_high(uint64_t a, uint64_t b) {
#ifdef __SIZEOF_INT128__
        return (uint64_t) ((unsigned __int128) a * b >> 64);
#else
        uint64_t a0 = (uint32_t) a, a1 = a >> 32, b0 = (uint32_t) b, b1 = b >> 32;
        uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (uint32_t) middle;

        return a1 * b1 + (middle >> 32) + (other >> 32);
#endif
}

/* a·b / R mod n, for a, b < n. */
static uint64_t multiply(const Modulus *modulus, uint64_t a, uint64_t b) {
        uint64_t high = multiply_high(a, b), correction = multiply_high(a * b * modulus->inverse, modulus->n);

        return high - correction + (high < correction ? modulus->n : 0);
}

static void modulus_init(Modulus *modulus, uint64_t n) {
        uint64_t inverse = 3 * n ^ 2; /* right in five bits; each step doubles them */

        for (unsigned i = 0; i < 4; i++)
                inverse *= 2 - n * inverse;
        *modulus = (Modulus) { .n = n, .inverse = inverse, .one = -n % n };
        /* 2·R, and squares of it: 2^2·R, 2^4·R, … 2^64·R */
        modulus->square = modulus->one >= n - modulus->one ? modulus->one - (n - modulus->one) : 2 * modulus->one;
        for (unsigned i = 0; i < 6; i++)
                modulus->square = multiply(modulus, modulus->square, modulus->square);
}

static bool modulus_passes(const Modulus *modulus, uint64_t base) {
        uint64_t odd_part = modulus->n - 1, power = modulus->one, minus_one = modulus->n - modulus->one, factor;
        unsigned n_twos = (unsigned) __builtin_ctzll(odd_part);

        base %= modulus->n;
        if (base == 0)
                return true;
        factor = multiply(modulus, base, modulus->square);
        for (odd_part >>= n_twos; odd_part > 0; odd_part >>= 1) {
                if (odd_part & 1)
                        power = multiply(modulus, power, factor);
                factor = multiply(modulus, factor, factor);
        }
        if (power == modulus->one || power == minus_one)
                return true;
        for (unsigned i = 1; i < n_twos; i++) {
                power = multiply(modulus, power, power);
                if (power == minus_one)
                        return true;
        }
        return false;
}

bool strong64_passes(uint64_t n, uint64_t base) {
        Modulus modulus;

        modulus_init(&modulus, n);
        return modulus_passes(&modulus, base);
}

bool strong64_is_prime(uint64_t n) {
        static const uint64_t bases[] = { 2, 325, 9375, 28178, 450775, 9780504, 1795265022 };
        Modulus modulus;

        if (n < 4 || n % 2 == 0)
                return n == 2 || n == 3;
        modulus_init(&modulus, n);
        for (size_t i = 0; i < ELEMENTSOF(bases); i++)
                if (!modulus_passes(&modulus, bases[i]))
                        return false;
        return true;
}
