/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Baillie's P against its definition by GMP's symbols. */

#include "prime/test/lucas-parameter.h"

#include "prime/number.h"
#include "seed.h"
#include "test.h"

/* The first P with symbol -1; 0 where a proper factor is met before, or for squares. */
static unsigned parameter_by_definition(const mpz_t n) {
        if (mpz_perfect_square_p(n)) {
                /* None exists; a factor may be met, which is the same answer. */
                return 0;
        }
        for (unsigned p = 3;; p++) {
                unsigned d = p * p - 4;
                int jacobi = mpz_ui_kronecker(d, n);

                if (jacobi < 0)
                        return p;
                if (jacobi == 0 && mpz_cmp_ui(n, d) > 0)
                        return 0;
                if (jacobi == 0 && d % mpz_get_ui(n) != 0)
                        return 0;
        }
}

static void check(const mpz_t n) {
        CHECK_EQUAL(lucas_parameter128(number128_from(n)), parameter_by_definition(n));
}

static void test_small_numbers(void) {
        _cleanup_mpz_ mpz_t n;

        mpz_init(n);
        for (unsigned long i = 3; i < 200000; i += 2) {
                mpz_set_ui(n, i);
                check(n);
        }
}

static void test_random_numbers(void) {
        _cleanup_mpz_ mpz_t n;
        uint64_t seed = test_seed();
        gmp_randstate_t state;

        mpz_init(n);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned i = 0; i < 100000; i++) {
                mpz_urandomb(n, state, 20 + i % 109);
                mpz_setbit(n, 0);
                if (mpz_cmp_ui(n, 3) < 0)
                        continue;
                check(n);
                if (i % 100 == 0) {
                        mpz_tdiv_q_2exp(n, n, mpz_sizeinbase(n, 2) / 2 + 1);
                        mpz_setbit(n, 0);
                        mpz_mul(n, n, n);
                        if (mpz_cmp_ui(n, 3) > 0)
                                check(n);
                }
        }
        gmp_randclear(state);
}

int main(void) {
        RUN(test_small_numbers);
        RUN(test_random_numbers);
        return tests_end();
}
