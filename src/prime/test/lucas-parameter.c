/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The search for Baillie's parameter (Baillie and Wagstaff, "Lucas pseudoprimes", 1980, for the idea; OEIS A217719 for
 * this sequence of P): the first P >= 3 whose D = P² - 4 has the Jacobi symbol (D | n) = -1. For a prime n that makes
 * D a non-residue, so that Lucas's sequence has to do with n + 1, and not with n - 1 like the strong test. Each P has
 * a chance of about one half, so the search is short; but it is done for every prime, and each symbol takes some
 * divisions.
 *
 * P² - 4 = (P - 2)(P + 2), so up to P = 14 only the primes 2, 3, 5, 7, 11 and 13 occur in it. The symbol is
 * multiplicative, and by quadratic reciprocity that of each prime depends on n modulo this prime and modulo 8 alone.
 * Their symbols, which take one remainder of n modulo 15015 and one modulo 8, are kept as bits, 1 for -1; P is found
 * when an odd number of the bits that belong to it are set. If that is so for none of the twelve P, all six bits are
 * 0: for one n in 64.
 *
 * What has one of these primes as a factor, or is not settled by them, goes the general way of lucas.c: symbols by the
 * algorithm of Jacobi, which swaps and divides as Euclid's does. A symbol of 0 is a common factor. No P ever gives -1
 * for a square, so that is looked for once P = 21 has been tried.
 */

#include "prime/test/lucas-parameter.h"

#include <assert.h>

#include "base/macro.h"

#define PARAMETER_FIRST 3U
#define PARAMETER_LAST 14U
#define PARAMETER_BEFORE_SQUARE_CHECK 21U

/* n mod m, for m < 2^32 */
static uint32_t remainder128(Number128 n, uint32_t m) {
        uint64_t rest = n.high % m;

        rest = (rest << 32 | n.low >> 32) % m;
        return (uint32_t) ((rest << 32 | (uint32_t) n.low) % m);
}

/* The Jacobi symbol (a | b) for odd b. */
static int jacobi32(uint32_t a, uint32_t b) {
        int sign = 1;

        while (a > 0) {
                unsigned twos = (unsigned) __builtin_ctz(a);
                uint32_t odd = a >> twos;

                if (twos % 2 == 1 && (b % 8 == 3 || b % 8 == 5))
                        sign = -sign;
                if (odd % 4 == 3 && b % 4 == 3)
                        sign = -sign;
                a = b % odd;
                b = odd;
        }
        return b == 1 ? sign : 0;
}

/* The Jacobi symbol (d | n) for d > 0 and odd n. */
static int jacobi128(uint32_t d, Number128 n) {
        unsigned twos = (unsigned) __builtin_ctz(d);
        uint32_t odd = d >> twos, n8 = (uint32_t) n.low % 8;
        int sign = jacobi32(remainder128(n, odd), odd);

        if (twos % 2 == 1 && (n8 == 3 || n8 == 5))
                sign = -sign;
        if (odd % 4 == 3 && n8 % 4 == 3)
                sign = -sign;
        return sign;
}

static bool is_square128(Number128 n) {
        Number128 root = {}, rest = n;

        /* The schoolbook's root, two binary digits at a time: `root` is twice the root so far, shifted. */
        for (unsigned i = 128; i > 0; i -= 2) {
                Number128 bit = number128_left((Number128) { 1, 0 }, i - 2), trial = number128_add(root, bit);

                root = number128_right(root, 1);
                if (!number128_less(rest, trial)) {
                        rest = number128_subtract(rest, trial);
                        root = number128_add(root, bit);
                }
        }
        return number128_is_zero(rest);
}

static unsigned lucas_parameter_general(Number128 n) {
        for (unsigned p = PARAMETER_FIRST;; p++) {
                uint32_t d = p * p - 4;
                int jacobi = jacobi128(d, n);

                if (jacobi < 0)
                        return p;
                if (jacobi == 0 && !(n.high == 0 && n.low <= d && d % (uint32_t) n.low == 0))
                        return 0;
                if (p == PARAMETER_BEFORE_SQUARE_CHECK && is_square128(n))
                        return 0;
        }
}

unsigned lucas_parameter128(Number128 n) {
        enum { TWO = 1, THREE = 2, FIVE = 4, SEVEN = 8, ELEVEN = 16, THIRTEEN = 32 };
        /* The primes with odd exponents in P² - 4. */
        static const uint8_t factors[] = {
                [3] = FIVE,             [4] = THREE,        [5] = THREE | SEVEN,   [6] = TWO,
                [7] = FIVE,             [8] = THREE | FIVE, [9] = SEVEN | ELEVEN,  [10] = TWO | THREE,
                [11] = THIRTEEN,        [12] = FIVE | SEVEN, [13] = THREE | FIVE | ELEVEN, [14] = THREE,
        };
        static_assert(ELEMENTSOF(factors) == PARAMETER_LAST + 1, "a row for each P");
        /* The residues r of the primes with (r | p) = -1, as bits. */
        const uint32_t non_residues5 = 0x0c, non_residues7 = 0x68, non_residues11 = 0x5c4, non_residues13 = 0x9e4;
        const uint64_t power = UINT64_MAX % 15015 + 1; /* 2^64 modulo 15015 */
        uint32_t rest = (uint32_t) ((n.high % 15015 * power + n.low % 15015) % 15015), n8 = (uint32_t) n.low % 8;
        uint32_t minus = n8 % 4 == 3, symbols; /* (p | n) = (n | p), or its negative if p and n are 3 modulo 4 */

        if (rest % 3 == 0 || rest % 5 == 0 || rest % 7 == 0 || rest % 11 == 0 || rest % 13 == 0)
                return lucas_parameter_general(n);
        symbols = n8 == 3 || n8 == 5 ? TWO : 0;
        symbols |= ((rest % 3 == 2) ^ minus) * THREE;
        symbols |= (non_residues5 >> rest % 5 & 1) * FIVE;
        symbols |= ((non_residues7 >> rest % 7 & 1) ^ minus) * SEVEN;
        symbols |= ((non_residues11 >> rest % 11 & 1) ^ minus) * ELEVEN;
        symbols |= (non_residues13 >> rest % 13 & 1) * THIRTEEN;
        for (unsigned p = PARAMETER_FIRST; p <= PARAMETER_LAST; p++)
                if (__builtin_popcount(factors[p] & symbols) % 2 == 1)
                        return p;
        return lucas_parameter_general(n);
}
