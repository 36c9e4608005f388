/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * With n - 1 = d·2^s, d odd: an odd prime n has only 1 and -1 as square roots of 1, so base^d is 1, or one of
 * base^d, base^2d, …, base^(d·2^(s-1)) is -1.
 */

#include "prime/test/strong.h"

void strong_test_init(StrongTest *test) {
        mpz_inits(test->less_one, test->odd_part, test->power, test->base, NULL);
}

void strong_test_done(StrongTest *test) {
        mpz_clears(test->less_one, test->odd_part, test->power, test->base, NULL);
}

bool strong_test_passes(StrongTest *test, const mpz_t n, unsigned long base) {
        mp_bitcnt_t n_twos;

        mpz_sub_ui(test->less_one, n, 1);
        n_twos = mpz_scan1(test->less_one, 0);
        mpz_tdiv_q_2exp(test->odd_part, test->less_one, n_twos);

        mpz_set_ui(test->base, base);
        mpz_powm(test->power, test->base, test->odd_part, n);
        if (mpz_cmp_ui(test->power, 1) == 0 || mpz_cmp(test->power, test->less_one) == 0)
                return true;
        for (mp_bitcnt_t i = 1; i < n_twos; i++) {
                mpz_mul(test->power, test->power, test->power);
                mpz_tdiv_r(test->power, test->power, n);
                if (mpz_cmp(test->power, test->less_one) == 0)
                        return true;
        }
        return false;
}
