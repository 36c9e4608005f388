/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Integers of any size: how people write them, how bytes carry them. Values are GMP's, never negative. */

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"

/* The largest integer that is accepted anywhere: 2^20 bits, about 315,000 digits. */
#define NUMBER_BITS_MAX (UINT32_C(1) << 20)
#define NUMBER_BYTES_MAX (NUMBER_BITS_MAX / 8)

/*
 * An mpz_t that is cleared at the end of its scope: `_cleanup_mpz_ mpz_t x;`, and mpz_init(x) as the first statement
 * behind the declarations, before anything can return.
 */
#define _cleanup_mpz_ _cleanup_(mpz_clearp)

static inline void mpz_clearp(mpz_t *x) {
        mpz_clear(*x);
}

/*
 * Reads "123", "1e12", "1.5e9", "10^24", "2^64+13", "5*10^30-1", "1_000_000": sums and differences of products of
 * powers of decimal integers; the value must lie in [0, 2^NUMBER_BITS_MAX). `ret` is initialised by the caller and
 * changed on success only. Returns 0, -EINVAL (not an integer in this form) or -ERANGE (negative or too large; so
 * is a word with a part well beyond 2^NUMBER_BITS_MAX, even if another part would take it back), and fills `problem`
 * with a sentence that quotes the word.
 */
int number_parse(mpz_t ret, const char *word, Problem *problem);

/* Decimal digits; the caller frees. NULL when out of memory. */
char *number_format(const mpz_t number);

/*
 * For people: decimal with up to 24 digits, else the shortest of 10^k±d, 2^k±d, a*10^k, or "1.234e567" cut short.
 * The caller frees. NULL when out of memory.
 */
char *number_format_short(const mpz_t number);

/* Bytes, least significant first, without leading zeros (zero is no bytes). */
size_t number_bytes(const mpz_t number);
void number_to_bytes(const mpz_t number, uint8_t *ret);                  /* writes number_bytes() bytes */
void number_from_bytes(mpz_t ret, const uint8_t *bytes, size_t n_bytes); /* n_bytes <= NUMBER_BYTES_MAX */

/* 64-bit values, on any size of `unsigned long`. number_get_u64() wants mpz_sizeinbase(number, 2) <= 64. */
void number_set_u64(mpz_t ret, uint64_t value);
uint64_t number_get_u64(const mpz_t number);
void number_add_u64(mpz_t ret, const mpz_t number, uint64_t addend);
