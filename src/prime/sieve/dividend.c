/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Remainders by floating point. A sieve divides one number, where its window begins, by all base primes, and that is
 * most of its preparation. A processor divides integers one by one and slowly, doubles several at a time.
 *
 * With x = 1/p as a double, the quotient of N < 2^60 and p >= 2^10 is less than 2^50, and N·x misses it by less than
 * three roundings of 2^-53, that is by less than 1/2. So its whole part q is the true quotient or differs from it by 1,
 * and N - q·p, computed modulo 2^64 where nothing is rounded, lies in [-p, 2p): one correction makes it the remainder.
 *
 * A larger N is taken word by word, as on paper: the remainder R < p of what was read, and the next 32 bits w, make
 * R·2^32 + w, whose quotient is less than 2^32 (or equal, after rounding). That number may need more than 64 bits, but
 * again only its difference to q·p counts, which does not.
 *
 * (Division word by word is D. Knuth's, The Art of Computer Programming 2, 4.3.1, exercise 16; the guess that is
 * corrected afterwards is that of his algorithm D.)
 *
 * The phase floor(30·R/p) comes from the same x. As p is prime to 30, 30·R/p is 0, or at least 1/p > 2^-42 away from
 * the next integer, and the error of 30·R·x is below 30·2^-51: the whole part is always right.
 */

#include "prime/sieve/dividend.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "prime/number.h"
#include "prime/sieve/dividend-kernel.h"
#include "prime/variant.h"

#define FIRST_BITS 60
#define TWO_32 4294967296.0

int dividend_init(Dividend *dividend, const mpz_t value) {
        size_t n_bits = mpz_sizeinbase(value, 2), n_words;
        mpz_t rest;

        assert(mpz_sgn(value) >= 0);

        n_words = n_bits <= FIRST_BITS ? 0 : (n_bits - FIRST_BITS + 31) / 32;
        *dividend = (Dividend) { .n_words = n_words };
        if (n_words > 0) {
                dividend->words = calloc(n_words, sizeof *dividend->words);
                if (!dividend->words)
                        return -ENOMEM;
        }
        mpz_init(rest);
        mpz_tdiv_q_2exp(rest, value, 32 * (mp_bitcnt_t) n_words);
        dividend->first = number_get_u64(rest);
        mpz_tdiv_r_2exp(rest, value, 32 * (mp_bitcnt_t) n_words);
        /* Words that are zero at its beginning are not written. */
        if (mpz_sgn(rest) > 0)
                mpz_export(dividend->words + n_words - (mpz_sizeinbase(rest, 2) + 31) / 32, NULL, 1, sizeof(uint32_t),
                           0, 0, rest);
        mpz_clear(rest);
        return 0;
}

void dividend_done(Dividend *dividend) {
        free(dividend->words);
        *dividend = (Dividend) {};
}

uint64_t dividend_saturated(const Dividend *dividend) {
        return dividend->n_words == 0 ? dividend->first : UINT64_MAX;
}

uint64_t dividend_modulo(const Dividend *dividend, uint64_t divisor) {
        uint64_t remainder = dividend->first % divisor;

        assert(divisor > 0 && divisor <= DIVISOR_MAX);

        for (size_t i = 0; i < dividend->n_words; i++) {
                uint32_t word = dividend->words[i];

                if (divisor <= UINT32_MAX) {
                        remainder = (remainder << 32 | word) % divisor;
                } else {
                        remainder = (remainder << 16 | word >> 16) % divisor;
                        remainder = (remainder << 16 | (word & 0xffff)) % divisor;
                }
        }
        return remainder;
}

/* From [-p, 2p) to [0, p). */
static inline uint64_t correct(uint64_t remainder, uint64_t prime) {
        if ((int64_t) remainder < 0)
                remainder += prime;
        return remainder >= prime ? remainder - prime : remainder;
}

static bool always(void) {
        return true;
}

static void locate_by_double(const Dividend *dividend, const uint64_t *primes, size_t n, uint64_t *ret_remainders,
                             uint32_t *ret_phases) {
        for (size_t i = 0; i < n; i++) {
                uint64_t prime = primes[i], remainder;
                double inverse = 1.0 / (double) (int64_t) prime;

                remainder = dividend->first - (uint64_t) ((double) (int64_t) dividend->first * inverse) * prime;
                remainder = correct(remainder, prime);
                for (size_t k = 0; k < dividend->n_words; k++) {
                        uint32_t word = dividend->words[k];
                        double value = (double) (int64_t) remainder * TWO_32 + word;

                        remainder = (remainder << 32 | word) - (uint64_t) (int64_t) (value * inverse) * prime;
                        remainder = correct(remainder, prime);
                }
                ret_remainders[i] = remainder;
                ret_phases[i] = (uint32_t) ((double) (int64_t) remainder * inverse * 30.0);
        }
}

const LocateKernel locate_portable = { .name = "portable", .is_usable = always, .locate = locate_by_double };

const LocateKernel *locate_kernel(size_t i) {
        static const LocateKernel *const kernels[] = {
#if defined(__x86_64__)
                &locate_avx2,
#endif
                &locate_portable,
        };

        return VARIANT_AT(kernels, i);
}

const char *locate_kernel_name(const LocateKernel *kernel) {
        return kernel->name;
}

void dividend_locate(const LocateKernel *kernel, const Dividend *dividend, const uint64_t *primes, size_t n,
                     uint64_t *ret_remainders, uint32_t *ret_phases) {
        size_t whole = n & ~(size_t) 7;
        uint64_t last[8];

        kernel->locate(dividend, primes, whole, ret_remainders, ret_phases);
        if (whole == n)
                return;
        for (size_t i = 0; i < 8; i++)
                last[i] = primes[MIN(whole + i, n - 1)];
        kernel->locate(dividend, last, 8, ret_remainders + whole, ret_phases + whole);
}
