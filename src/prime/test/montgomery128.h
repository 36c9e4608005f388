/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Montgomery's arithmetic for odd n of two words, R = 2^128; montgomery64.h has the idea. A product T of two numbers
 * is divided by 2^64 twice, modulo n. How such steps may be arranged is in Koç, Acar and Kaliski, "Analyzing and
 * comparing Montgomery multiplication algorithms", 1996.
 *
 * There are two variants. The exact one, for every n < 2^128, keeps values < n. Each step takes m = T·n^-1 mod 2^64,
 * and T - m·n (or with -m, T + m·n) is a multiple of 2^64: three multiplications. From T < n² two steps come to a
 * number between -n and n (or to one below 2n), and n is added or subtracted if that is needed.
 *
 * The lazy one, for n < 2^MONTGOMERY128_LAZY_BITS, never compares with n. Its first division by 2^64 is
 *
 *         T·2^-64 = T' + T0·h,     T = T'·2^64 + T0,   h = 2^-64 mod n,
 *
 * with two multiplications and none for m; its second one adds m·n. So of operands < cn the result is < c²n²/R + 2n.
 * The steps of a power of two double it: 2(c²/32 + 2) <= c for c = 8; the steps of Lucas's sequences add up to n:
 * c²/16 + 3 <= c for c = 4. 8n < 2^126 leaves room for everything. That comparisons can be left out if R is some bits
 * larger than n is in Walter, "Montgomery exponentiation needs no final subtractions", 1999; a division by means of h
 * is known as logjumps, by Domb (Koh, "A deep dive into logjumps", 2025).
 *
 * For files that have included one of limb-*.h; montgomery128-plain.h and montgomery128-x86.h have the products.
 */

#include <stdbool.h>
#include <stdint.h>

#include "prime/test/montgomery64.h"
#include "prime/test/number128.h"

#define MONTGOMERY128_LAZY_BITS 123

typedef struct Modulus128 {
        Number128 n;
        Number128 half;    /* 2^-64 mod n */
        uint64_t inverse;  /* of n, mod 2^64 */
        uint64_t negative; /* -inverse */
} Modulus128;

static inline Modulus128 modulus128(Number128 n) {
        uint64_t inverse = limb_inverse(n.low), high;

        /* n·(-inverse) is -1 mod 2^64, so the 1 that is added becomes a carry out of the lower word. */
        (void) limb_multiply(n.low, -inverse, &high);
        return (Modulus128) {
                .n = n,
                .half = number128_add((Number128) { high, 0 },
                                      (Number128) { .low = n.high * -inverse + 1,
                                                    .high = limb_multiply_high(n.high, -inverse) +
                                                            (n.high * -inverse + 1 == 0) }),
                .inverse = inverse,
                .negative = -inverse,
        };
}

/* The sum, exact: for a, b < n, or one of them n. */
static inline Number128 montgomery128_add(const Modulus128 *modulus, Number128 a, Number128 b) {
        uint64_t carry = 0;
        Number128 sum;

        sum.low = limb_add(a.low, b.low, &carry);
        sum.high = limb_add(a.high, b.high, &carry);
        return limb_settle(sum, carry, modulus->n);
}

/* The number < n that is a, for a < 8n < 2^128. */
static inline Number128 montgomery128_settle(const Modulus128 *modulus, Number128 a) {
        for (unsigned i = 3; i-- > 0;) {
                Number128 multiple = number128_left(modulus->n, i);

                if (!number128_less(a, multiple))
                        a = number128_subtract(a, multiple);
        }
        return a;
}
