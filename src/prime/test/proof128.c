/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The pseudosquare L_p is the smallest number that is 1 modulo 8, a quadratic residue of all odd primes up to p, and
 * not a square. Let all prime factors of n be > s and n < s·L_p. If
 *
 *         q^((n-1)/2) is 1 or -1 modulo n for all primes q <= p, and
 *         2^((n-1)/2) is -1 if n is 5 modulo 8, or any such power is -1 if n is 1 modulo 8,
 *
 * then n is a prime or a power of a prime. (The -1 shows that n - 1 is not divisible by 2 more often than r - 1 is,
 * for each prime factor r of n; then all r have the same quadratic characters for all q.) The smaller n
 * is, the smaller is the p that is needed: some 40 powers just above 2^82 with s = 10^9, all 74 where the test ends.
 * A composite that has passed base 2 fails at one of the first.
 *
 * The table is by D. J. Bernstein's, Wooding's, Williams's and Sorenson's searches. That a value has the property of a
 * pseudosquare can be checked, and is, by tests; that it is the smallest cannot, beyond the first ones.
 */

#include "prime/test/proof128.h"

#include <gmp.h>

#include "base/macro.h"
#include "prime/number.h"

typedef struct Pseudosquare {
        unsigned p;
        Number128 value;
} Pseudosquare;

static const Pseudosquare pseudosquares[] = {
        { 3, { UINT64_C(0x49), UINT64_C(0x0) } },
        { 5, { UINT64_C(0xf1), UINT64_C(0x0) } },
        { 7, { UINT64_C(0x3f1), UINT64_C(0x0) } },
        { 11, { UINT64_C(0xa51), UINT64_C(0x0) } },
        { 13, { UINT64_C(0x1f99), UINT64_C(0x0) } },
        { 17, { UINT64_C(0x4651), UINT64_C(0x0) } },
        { 19, { UINT64_C(0xd279), UINT64_C(0x0) } },
        { 23, { UINT64_C(0x155b9), UINT64_C(0x0) } },
        { 29, { UINT64_C(0x1c939), UINT64_C(0x0) } },
        { 31, { UINT64_C(0x7deb1), UINT64_C(0x0) } },
        { 37, { UINT64_C(0x108799), UINT64_C(0x0) } },
        { 41, { UINT64_C(0x30edf1), UINT64_C(0x0) } },
        { 43, { UINT64_C(0x3a45b1), UINT64_C(0x0) } },
        { 47, { UINT64_C(0x8d4171), UINT64_C(0x0) } },
        { 53, { UINT64_C(0x14fb4a1), UINT64_C(0x0) } },
        { 59, { UINT64_C(0x2e3a719), UINT64_C(0x0) } },
        { 61, { UINT64_C(0x2e3a719), UINT64_C(0x0) } },
        { 67, { UINT64_C(0xa7203f9), UINT64_C(0x0) } },
        { 71, { UINT64_C(0x197eb151), UINT64_C(0x0) } },
        { 73, { UINT64_C(0x197eb151), UINT64_C(0x0) } },
        { 79, { UINT64_C(0x35915281), UINT64_C(0x0) } },
        { 83, { UINT64_C(0xa73936e9), UINT64_C(0x0) } },
        { 89, { UINT64_C(0xa73936e9), UINT64_C(0x0) } },
        { 97, { UINT64_C(0xa73936e9), UINT64_C(0x0) } },
        { 101, { UINT64_C(0x2668a2291), UINT64_C(0x0) } },
        { 103, { UINT64_C(0x57fa49ee1), UINT64_C(0x0) } },
        { 107, { UINT64_C(0x13d3ca03a9), UINT64_C(0x0) } },
        { 109, { UINT64_C(0x13d3ca03a9), UINT64_C(0x0) } },
        { 113, { UINT64_C(0x2db24faf61), UINT64_C(0x0) } },
        { 127, { UINT64_C(0x2db24faf61), UINT64_C(0x0) } },
        { 131, { UINT64_C(0x29ca72c28b1), UINT64_C(0x0) } },
        { 137, { UINT64_C(0x29ca72c28b1), UINT64_C(0x0) } },
        { 139, { UINT64_C(0x29ca72c28b1), UINT64_C(0x0) } },
        { 149, { UINT64_C(0x17e002cbcc71), UINT64_C(0x0) } },
        { 151, { UINT64_C(0x17e002cbcc71), UINT64_C(0x0) } },
        { 157, { UINT64_C(0x66424050a651), UINT64_C(0x0) } },
        { 163, { UINT64_C(0x66424050a651), UINT64_C(0x0) } },
        { 167, { UINT64_C(0x66424050a651), UINT64_C(0x0) } },
        { 173, { UINT64_C(0xa2bdd5fb5579), UINT64_C(0x0) } },
        { 179, { UINT64_C(0xa2bdd5fb5579), UINT64_C(0x0) } },
        { 181, { UINT64_C(0x27927a3ae3219), UINT64_C(0x0) } },
        { 191, { UINT64_C(0x27927a3ae3219), UINT64_C(0x0) } },
        { 193, { UINT64_C(0xa24867370e9c9), UINT64_C(0x0) } },
        { 197, { UINT64_C(0x16ea483fcdcaf1), UINT64_C(0x0) } },
        { 199, { UINT64_C(0x16ea483fcdcaf1), UINT64_C(0x0) } },
        { 211, { UINT64_C(0x295bca7adcc891), UINT64_C(0x0) } },
        { 223, { UINT64_C(0x295bca7adcc891), UINT64_C(0x0) } },
        { 227, { UINT64_C(0x2a5392dfc789491), UINT64_C(0x0) } },
        { 229, { UINT64_C(0x2ba9b4389da2b99), UINT64_C(0x0) } },
        { 233, { UINT64_C(0x9e3c00e9fa45911), UINT64_C(0x0) } },
        { 239, { UINT64_C(0x189e0071c5a604d1), UINT64_C(0x0) } },
        { 241, { UINT64_C(0x204d9b0d5d694449), UINT64_C(0x0) } },
        { 251, { UINT64_C(0x589c0c47877cd311), UINT64_C(0x0) } },
        { 257, { UINT64_C(0x6f49f026e24427f1), UINT64_C(0x0) } },
        { 263, { UINT64_C(0x8d86ee729092c749), UINT64_C(0x0) } },
        { 269, { UINT64_C(0x8d86ee729092c749), UINT64_C(0x0) } },
        { 271, { UINT64_C(0x8d86ee729092c749), UINT64_C(0x0) } },
        { 277, { UINT64_C(0xc956f827e0524359), UINT64_C(0x3) } },
        { 281, { UINT64_C(0x539315b3b1268d59), UINT64_C(0xb) } },
        { 283, { UINT64_C(0xec87d86ca60b50a1), UINT64_C(0x1c) } },
        { 293, { UINT64_C(0xc6d3496f20db3d81), UINT64_C(0x32) } },
        { 307, { UINT64_C(0xc6d3496f20db3d81), UINT64_C(0x32) } },
        { 311, { UINT64_C(0x210967a12ba94be1), UINT64_C(0x74) } },
        { 313, { UINT64_C(0x210967a12ba94be1), UINT64_C(0x74) } },
        { 317, { UINT64_C(0x210967a12ba94be1), UINT64_C(0x74) } },
        { 331, { UINT64_C(0xec11ddc09fd65c51), UINT64_C(0x2e3) } },
        { 337, { UINT64_C(0x641c14b397c27bf1), UINT64_C(0x753) } },
        { 347, { UINT64_C(0x85fdf38d1fc9ce21), UINT64_C(0x1511) } },
        { 349, { UINT64_C(0x85fdf38d1fc9ce21), UINT64_C(0x1511) } },
        { 353, { UINT64_C(0xafcde84b3b685091), UINT64_C(0x3e8b) } },
        { 359, { UINT64_C(0xafcde84b3b685091), UINT64_C(0x3e8b) } },
        { 367, { UINT64_C(0x1394318d9bee0a99), UINT64_C(0x3060c) } },
        { 373, { UINT64_C(0x2d681a84541eaa61), UINT64_C(0x380cd) } },
};

/* The smallest strong pseudoprimes to the bases up to 37 and up to 41: 318665857834031151167461, … */
static const Number128 twelve_bases_end = { UINT64_C(0xe92817f9fc85b7e5), UINT64_C(0x437a) };
static const Number128 thirteen_bases_end = { UINT64_C(0x51adc5b22410a5fd), UINT64_C(0x2be69) };

static const uint64_t strong_bases[] = { 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41 };

bool proof128_pseudosquare(size_t i, unsigned *ret_p, Number128 *ret_pseudosquare) {
        if (i >= ELEMENTSOF(pseudosquares))
                return false;
        *ret_p = pseudosquares[i].p;
        *ret_pseudosquare = pseudosquares[i].value;
        return true;
}

/* n / max(depth, 1), rounded down. Plain long division: it is done once per proof of some 50 powers. */
static Number128 quotient(Number128 n, uint64_t depth) {
        uint64_t rest = 0;
        Number128 result = {};

        if (depth <= 1)
                return n;
        for (unsigned bit = 128; bit-- > 0;) {
                uint64_t carry = rest >> 63;

                rest = rest << 1 | (number128_right(n, bit).low & 1);
                result = number128_add(result, result);
                if (carry || rest >= depth) {
                        rest -= depth;
                        result.low |= 1;
                }
        }
        return result;
}

/* The first row with n < depth·L_p, which is floor(n / depth) < L_p; the number of rows if there is none. */
static size_t find_pseudosquare(Number128 n, uint64_t depth) {
        Number128 whole = quotient(n, depth);
        size_t i = 0;

        while (i < ELEMENTSOF(pseudosquares) && !number128_less(whole, pseudosquares[i].value))
                i++;
        return i;
}

bool proof128_reaches(Number128 end, uint64_t depth) {
        Number128 last = number128_subtract(end, (Number128) { 1, 0 });

        if (number128_is_zero(end))
                return true;
        return number128_less(last, thirteen_bases_end) ||
               find_pseudosquare(last, depth) < ELEMENTSOF(pseudosquares);
}

/* For n = 1 modulo 8 whose powers are all 1 so far: looks for a base whose power is -1. False if n is composite. */
static bool find_minus_one(const BpswKernel *kernel, Number128 n) {
        _cleanup_mpz_ mpz_t number;
        uint64_t base = 3;
        int power;

        mpz_init(number);
        number128_to(n, number);
        if (mpz_perfect_square_p(number))
                return false;
        while (mpz_ui_kronecker((unsigned long) base, number) != -1)
                base += 2;
        kernel->euler128(n, &base, 1, &power);
        return power == -1;
}

static bool is_perfect_power(Number128 n) {
        _cleanup_mpz_ mpz_t number;

        mpz_init(number);
        number128_to(n, number);
        return mpz_perfect_power_p(number);
}

/* The pseudosquare test with the rows up to `last`. */
static bool pseudosquare_proves(const BpswKernel *kernel, Number128 n, size_t last) {
        uint64_t bases[ELEMENTSOF(pseudosquares) + 1] = { 2 };
        bool has_minus_one = false;
        size_t n_bases = last + 2;
        int powers[6];

        for (size_t i = 0; i <= last; i++)
                bases[i + 1] = pseudosquares[i].p;
        for (size_t done = 0, now; done < n_bases; done += now) {
                now = MIN(n_bases - done, ELEMENTSOF(powers));
                kernel->euler128(n, bases + done, now, powers);
                for (size_t i = 0; i < now; i++) {
                        if (powers[i] == 0 || (done + i == 0 && n.low % 8 == 5 && powers[i] != -1))
                                return false;
                        has_minus_one |= done + i > 0 && powers[i] == -1;
                }
        }
        if (n.low % 8 == 1 && !has_minus_one && !find_minus_one(kernel, n))
                return false;
        return !is_perfect_power(n);
}

bool proof128(const BpswKernel *kernel, Number128 n, uint64_t depth) {
        size_t n_bases = ELEMENTSOF(strong_bases), row;

        if (number128_less(n, twelve_bases_end))
                n_bases--;
        else if (!number128_less(n, thirteen_bases_end)) {
                row = find_pseudosquare(n, depth);
                return row < ELEMENTSOF(pseudosquares) && pseudosquare_proves(kernel, n, row);
        }
        return kernel->strong128_bases(n, strong_bases, n_bases);
}
