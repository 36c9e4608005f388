/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An integer of any size that is to be divided by very many primes, none of which is above DIVISOR_MAX. */

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

#define DIVISOR_MAX (UINT64_C(1) << 41)
#define LOCATE_PRIME_MIN 1024
#define LOCATE_CANCEL_WORDS ((size_t) 1 << 20) /* so many words are divided between two looks at a cancel flag */

/* The value is first · 2^(32·n_words) and the words, the most significant one first; first < 2^60. */
typedef struct Dividend {
        uint64_t first;
        size_t n_words;
        uint32_t *words;
} Dividend;

typedef struct LocateKernel LocateKernel; /* dividend-kernel.h */

/* 0 or -ENOMEM. dividend_done() may also be called for a zeroed struct. */
int dividend_init(Dividend *dividend, const mpz_t value);
void dividend_done(Dividend *dividend);

/* The value, or UINT64_MAX if it is 2^60 or more. */
uint64_t dividend_saturated(const Dividend *dividend);

/* One remainder. `divisor`: from 1 to DIVISOR_MAX. */
uint64_t dividend_modulo(const Dividend *dividend, uint64_t divisor);

/* The i-th way to locate that this processor knows, the fastest first; NULL behind the last. All give the same. */
const LocateKernel *locate_kernel(size_t i);
const char *locate_kernel_name(const LocateKernel *kernel);

/*
 * For each of `n` primes from LOCATE_PRIME_MIN to DIVISOR_MAX: the remainder R of the value, and its phase, the
 * whole part of 30·R / p. All three arrays must have room for n rounded up to a multiple of 8; what is read behind the
 * primes does not matter.
 */
void dividend_locate(const LocateKernel *kernel, const Dividend *dividend, const uint64_t *primes, size_t n,
                     uint64_t *ret_remainders, uint32_t *ret_phases);
