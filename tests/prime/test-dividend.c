/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Remainders and phases: each kernel against GMP. */

#include "prime/sieve/dividend.h"

#include "base/macro.h"
#include "base/random.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "seed.h"
#include "test.h"

#define N 43

static void check(const mpz_t value, const uint64_t primes[static N]) {
        _cleanup_mpz_ mpz_t divisor, remainder;
        Dividend dividend;

        mpz_inits(divisor, remainder, NULL);
        CHECK_EQUAL(dividend_init(&dividend, value), 0);
        CHECK(dividend_saturated(&dividend) ==
              (mpz_sizeinbase(value, 2) <= 60 ? number_get_u64(value) : UINT64_MAX));
        for (size_t k = 0; locate_kernel(k); k++) {
                uint64_t remainders[N + 7];
                uint32_t phases[N + 7];

                dividend_locate(locate_kernel(k), &dividend, primes, N, remainders, phases);
                for (size_t i = 0; i < N; i++) {
                        number_set_u64(divisor, primes[i]);
                        mpz_mod(remainder, value, divisor);
                        CHECK(remainders[i] == number_get_u64(remainder));
                        CHECK(dividend_modulo(&dividend, primes[i]) == remainders[i]);
                        CHECK_EQUAL(phases[i], remainders[i] * 30 / primes[i]);
                }
        }
        dividend_done(&dividend);
}

static void draw_primes(Random *random, uint64_t primes[static N]) {
        /* Prime to 30 is what counts. */
        for (size_t i = 0; i < N; i++)
                primes[i] = ((random_below(random, DIVISOR_MAX - 3000) >> random_below(random, 31)) + 2000) / 30 * 30 +
                            bitmap_residues[random_below(random, 8)];
        primes[0] = DIVISOR_MAX - 1;
        primes[1] = LOCATE_PRIME_MIN + 7;
}

static void test_random_values(void) {
        gmp_randstate_t state;
        _cleanup_mpz_ mpz_t value;
        uint64_t primes[N], seed = test_seed();
        Random random;

        mpz_init(value);
        random_init(&random, seed);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned i = 0; i < 3000; i++) {
                draw_primes(&random, primes);
                mpz_urandomb(value, state, (mp_bitcnt_t) random_below(&random, i % 8 ? 140 : 3000));
                check(value, primes);
        }
        gmp_randclear(state);
}

/* Multiples of the divisors and their neighbours, where a quotient is next to an integer. */
static void test_near_multiples(void) {
        _cleanup_mpz_ mpz_t value;
        uint64_t primes[N];
        Random random;

        mpz_init(value);
        random_init(&random, test_seed());
        for (unsigned i = 0; i < 3000; i++) {
                draw_primes(&random, primes);
                number_set_u64(value, primes[random_below(&random, N)]);
                for (unsigned k = 0; k < i % 4; k++) {
                        _cleanup_mpz_ mpz_t factor;

                        mpz_init(factor);
                        number_set_u64(factor, primes[random_below(&random, N)]);
                        mpz_mul(value, value, factor);
                }
                mpz_add_ui(value, value, (unsigned long) random_below(&random, 3));
                mpz_sub_ui(value, value, 1);
                check(value, primes);
        }
}

static void test_powers_of_two(void) {
        _cleanup_mpz_ mpz_t value;
        uint64_t primes[N];
        Random random;

        mpz_init(value);
        random_init(&random, test_seed());
        for (unsigned k = 0; k < 200; k++)
                for (unsigned d = 0; d < 2; d++) {
                        draw_primes(&random, primes);
                        mpz_ui_pow_ui(value, 2, k);
                        mpz_sub_ui(value, value, d);
                        check(value, primes);
                }
}

int main(void) {
        RUN(test_random_values);
        RUN(test_near_multiples);
        RUN(test_powers_of_two);
        return tests_end();
}
