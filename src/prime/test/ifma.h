/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The tests of Baillie-PSW for sixteen numbers at once, on AVX-512 with its 52-bit integer products (IFMA: Ice Lake,
 * Zen 4 and younger). Same answers as strong.h, lucas.h and large-test.h.
 *
 * Numbers are odd, all of one call of the same size in bits, IFMA_BITS_MIN to IFMA_BITS_MAX, and stand one behind the
 * other in `words` of 64 bits, the least significant first, n_words = ceil(n_bits / 64) each. n_numbers is 1 to
 * IFMA_LANES; a call takes as long for one as for all. The functions return 0, and may be called if ifma_is_usable().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IFMA_LANES 16
#define IFMA_FEW 3 /* with fewer, one after the other by other means is faster, except below 2^128 */
#define IFMA_BITS_MIN 71
#define IFMA_BITS_MAX 3072

bool ifma_is_usable(void);

/* The strong test to base 2. */
int ifma_strong(const uint64_t *words, size_t n_bits, size_t n_numbers, bool *ret_passed);

/* The extra strong Lucas test with the given parameters P >= 3, which Baillie's rule has chosen. */
int ifma_lucas(const uint64_t *words, size_t n_bits, const unsigned *parameters, size_t n_numbers,
                bool *ret_passed);

/* The strong test to the bases w / 2^52 modulo n, 0 < w < 2^52. */
int ifma_drawn(const uint64_t *words, size_t n_bits, const uint64_t *w, size_t n_numbers, bool *ret_passed);
