/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A number in decimal digits that counts upwards. Primes are printed in order, so the next one is a short addition to
 * the digits of the last, whatever its size: no number is ever converted but the first of a block.
 */

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Decimal {
        char *buffer;    /* leading zeros, digits, a newline */
        size_t n_buffer; /* with the newline */
        size_t first;    /* of the digits */
} Decimal;

#define DECIMAL_NONE ((Decimal) {})

/* 0 or -ENOMEM. Leaves room to grow by one digit more than any block needs. */
int decimal_set(Decimal *decimal, const mpz_t number);
void decimal_done(Decimal *decimal);

/* `addend` below 10^18, a sum of additions since decimal_set() as well. */
void decimal_add(Decimal *decimal, uint64_t addend);

/* The digits and a newline. */
static inline const char *decimal_line(const Decimal *decimal, size_t *ret_size) {
        *ret_size = decimal->n_buffer - decimal->first;
        return decimal->buffer + decimal->first;
}
