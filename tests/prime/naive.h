/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The slow ways to do what src/prime does: obvious code to compare with. */

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prime/bitmap.h"
#include "prime/number.h"

/* GMP's own test: trial division, Baillie-PSW with the Lucas test of Selfridge's parameters, and a random base. */
static inline bool naive_is_prime(const mpz_t n) {
        return mpz_probab_prime_p(n, 25) != 0;
}

/* The bitmap of [start, start + length), one candidate after the other. */
static inline void naive_bitmap(const mpz_t start, uint64_t length, uint8_t *bitmap) {
        _cleanup_mpz_ mpz_t candidate;

        mpz_init(candidate);
        memset(bitmap, 0, (size_t) (length / 30));
        for (uint64_t byte = 0; byte < length / 30; byte++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        number_add_u64(candidate, start, byte * 30 + bitmap_residues[bit]);
                        if (naive_is_prime(candidate))
                                bitmap[byte] |= (uint8_t) (1U << bit);
                }
}
