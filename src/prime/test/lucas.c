/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * With D = P² - 4, (D|n) = -1 and n + 1 = d·2^s, d odd, a prime n has
 *
 *         U_d = 0 and V_d = ±2,   or   V_(d·2^r) = 0 for some 0 <= r < s - 1   (all modulo n).
 *
 * Only V is computed, as the pair (V_k, V_k+1), with two products per bit of d:
 *
 *         V_2k = V_k² - 2,   V_2k+1 = V_k·V_k+1 - P,   V_2k+2 = V_k+1² - 2.
 *
 * U needs no chain of its own: D·U_k = 2·V_k+1 - P·V_k, and D has no factor in common with n, so U_d = 0 is the same
 * as 2·V_d+1 = P·V_d.
 *
 * A Jacobi symbol of 0 means that D and n have a common factor: a proper one proves n composite; if it is n itself,
 * which happens for small n only, nothing is known and the next P is taken. No P ever gives -1 for a square, so
 * squares are looked for once the search has lasted longer than it does for nearly all other numbers.
 */

#include "prime/test/lucas.h"

#define PARAMETER_FIRST 3UL
#define PARAMETER_BEFORE_SQUARE_CHECK 21UL

void lucas_test_init(LucasTest *test) {
        mpz_inits(test->odd_part, test->low, test->high, test->product, NULL);
}

void lucas_test_done(LucasTest *test) {
        mpz_clears(test->odd_part, test->low, test->high, test->product, NULL);
}

/* Finds Baillie's P. False when the search itself proves n composite. */
static bool lucas_find_parameter(const mpz_t n, unsigned long *ret) {
        for (unsigned long p = PARAMETER_FIRST;; p++) {
                unsigned long d = p * p - 4;
                int jacobi = mpz_ui_kronecker(d, n);

                if (jacobi < 0) {
                        *ret = p;
                        return true;
                }
                if (jacobi == 0 && !(mpz_cmp_ui(n, d) <= 0 && d % mpz_get_ui(n) == 0))
                        return false;
                if (p == PARAMETER_BEFORE_SQUARE_CHECK && mpz_perfect_square_p(n))
                        return false;
        }
}

/* x = x·y - subtrahend mod n */
static void lucas_multiply(LucasTest *test, mpz_t x, const mpz_t y, unsigned long subtrahend, const mpz_t n) {
        mpz_mul(test->product, x, y);
        mpz_sub_ui(test->product, test->product, subtrahend);
        mpz_mod(x, test->product, n);
}

/* Leaves V_d and V_d+1 in `low` and `high`. */
static void lucas_chain(LucasTest *test, const mpz_t n, unsigned long p) {
        mpz_set_ui(test->low, p);
        mpz_set_ui(test->high, p * p - 2);
        mpz_mod(test->low, test->low, n);
        mpz_mod(test->high, test->high, n);
        for (mp_bitcnt_t bit = mpz_sizeinbase(test->odd_part, 2) - 1; bit-- > 0;)
                if (mpz_tstbit(test->odd_part, bit)) {
                        lucas_multiply(test, test->low, test->high, p, n);
                        lucas_multiply(test, test->high, test->high, 2, n);
                } else {
                        lucas_multiply(test, test->high, test->low, p, n);
                        lucas_multiply(test, test->low, test->low, 2, n);
                }
}

bool lucas_test_passes(LucasTest *test, const mpz_t n) {
        mp_bitcnt_t n_twos;
        unsigned long p;

        if (!lucas_find_parameter(n, &p))
                return false;

        mpz_add_ui(test->odd_part, n, 1);
        n_twos = mpz_scan1(test->odd_part, 0);
        mpz_tdiv_q_2exp(test->odd_part, test->odd_part, n_twos);
        lucas_chain(test, n, p);

        /* V_d = ±2 and U_d = 0 */
        mpz_sub_ui(test->product, n, 2);
        if (mpz_cmp_ui(test->low, 2) == 0 || mpz_cmp(test->low, test->product) == 0) {
                mpz_mul_2exp(test->product, test->high, 1);
                mpz_submul_ui(test->product, test->low, p);
                if (mpz_divisible_p(test->product, n))
                        return true;
        }

        for (mp_bitcnt_t r = 0; r + 1 < n_twos; r++) {
                if (mpz_sgn(test->low) == 0)
                        return true;
                lucas_multiply(test, test->low, test->low, 2, n);
        }
        return false;
}
