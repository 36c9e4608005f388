/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The counts that are too large to be computed, against Riemann's R: a digit that is mistyped shows.
 *
 * R(x) = 1 + sum over k >= 1 of (ln x)^k / (k·k!·zeta(k + 1)) (Gram, 1884). It differs from the number of primes <= x
 * by less than 0.6·sqrt(x) / ln x for all x of the table; that is 10^-15 of it at 10^29, so 256 bits are used.
 */

#include "prime/facts.h"

#define BITS 256

static const char *folder;

/* 2·artanh(1 / n) = ln((n + 1) / (n - 1)) */
static void logarithm_near_one(mpf_t ret, unsigned long n) {
        mpf_t power, term;

        mpf_init2(power, BITS);
        mpf_init2(term, BITS);
        mpf_set_ui(power, 2);
        mpf_div_ui(power, power, n);
        mpf_set_ui(ret, 0);
        for (unsigned long k = 1; k < BITS; k += 2) {
                mpf_div_ui(term, power, k);
                mpf_add(ret, ret, term);
                mpf_div_ui(power, power, n);
                mpf_div_ui(power, power, n);
        }
        mpf_clears(power, term, NULL);
}

/* zeta(s), by the alternating series, accelerated (Cohen, Rodriguez Villegas and Zagier, 2000, algorithm 1). */
static void zeta(mpf_t ret, unsigned long s) {
        const unsigned long n = 60; /* 5.8^-60 is 10^-46 */
        mpf_t d, b, c, sum, term;

        mpf_init2(d, BITS);
        mpf_init2(b, BITS);
        mpf_init2(c, BITS);
        mpf_init2(sum, BITS);
        mpf_init2(term, BITS);
        mpf_set_ui(d, 8);
        mpf_sqrt(d, d);
        mpf_add_ui(d, d, 3);
        mpf_pow_ui(d, d, n);
        mpf_ui_div(term, 1, d);
        mpf_add(d, d, term);
        mpf_div_2exp(d, d, 1);
        mpf_set_si(b, -1);
        mpf_neg(c, d);
        for (unsigned long k = 0; k < n; k++) {
                mpf_sub(c, b, c);
                mpf_set_ui(term, k + 1);
                mpf_pow_ui(term, term, s);
                mpf_div(term, c, term);
                mpf_add(sum, sum, term);
                /* b = b·(k + n)(k - n) / ((k + 1/2)(k + 1)) */
                mpf_mul_ui(b, b, 2 * (k + n) * (n - k));
                mpf_div_ui(b, b, (2 * k + 1) * (k + 1));
                mpf_neg(b, b);
        }
        mpf_div(sum, sum, d);
        /* zeta = eta / (1 - 2^(1 - s)) */
        mpf_set_ui(term, 1);
        mpf_div_2exp(term, term, s - 1);
        mpf_ui_sub(term, 1, term);
        mpf_div(ret, sum, term);
        mpf_clears(d, b, c, sum, term, NULL);
}

/* R(x), given ln x. */
static void riemann(mpf_t ret, const mpf_t logarithm) {
        mpf_t power, term, factor;

        mpf_init2(power, BITS);
        mpf_init2(term, BITS);
        mpf_init2(factor, BITS);
        mpf_set_ui(power, 1);
        mpf_set_ui(ret, 1);
        for (unsigned long k = 1; k < 400; k++) {
                mpf_mul(power, power, logarithm);
                mpf_div_ui(power, power, k);
                zeta(factor, k + 1);
                mpf_mul_ui(factor, factor, k);
                mpf_div(term, power, factor);
                mpf_add(ret, ret, term);
        }
        mpf_clears(power, term, factor, NULL);
}

/* ln x for the powers of 2 and of 10 that are written so. */
static void logarithm_of(mpf_t ret, const char *word) {
        unsigned long base, exponent;
        mpf_t other;

        CHECK(sscanf(word, "%lu^%lu", &base, &exponent) == 2 && (base == 2 || base == 10));
        logarithm_near_one(ret, 3); /* ln 2 */
        if (base == 10) {
                /* 10 = 2^3·(5 / 4) */
                mpf_init2(other, BITS);
                logarithm_near_one(other, 9);
                mpf_mul_ui(ret, ret, 3);
                mpf_add(ret, ret, other);
                mpf_clear(other);
        }
        mpf_mul_ui(ret, ret, exponent);
}

static void test_zeta(void) {
        mpf_t value;

        mpf_init2(value, BITS);
        zeta(value, 2);
        CHECK(mpf_get_d(value) > 1.6449340668482 && mpf_get_d(value) < 1.6449340668483);
        zeta(value, 3);
        CHECK(mpf_get_d(value) > 1.2020569031595 && mpf_get_d(value) < 1.2020569031596);
        mpf_clear(value);
}

static void test_counts_are_near_riemann(void) {
        _cleanup_mpz_ mpz_t x, count;
        mpf_t logarithm, expected, difference, limit;
        unsigned n_rows = 0;
        Facts facts;

        mpz_inits(x, count, NULL);
        mpf_init2(logarithm, BITS);
        mpf_init2(expected, BITS);
        mpf_init2(difference, BITS);
        mpf_init2(limit, BITS);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "pi")) {
                facts_number(&facts, 1, x);
                facts_number(&facts, 2, count);
                if (mpz_cmp_ui(x, 1000) < 0)
                        continue;
                logarithm_of(logarithm, facts.columns[1]);
                riemann(expected, logarithm);
                mpf_set_z(difference, count);
                mpf_sub(difference, difference, expected);
                mpf_abs(difference, difference);
                mpf_set_z(limit, x);
                mpf_sqrt(limit, limit);
                mpf_div(limit, limit, logarithm);
                mpf_mul_ui(limit, limit, 3);
                mpf_div_ui(limit, limit, 5);
                if (mpf_cmp(difference, limit) >= 0)
                        printf("# the number of primes <= %s: %s\n", facts.columns[1], facts.columns[2]);
                CHECK(mpf_cmp(difference, limit) < 0);
                n_rows++;
        }
        CHECK(n_rows >= 48);
        mpf_clears(logarithm, expected, difference, limit, NULL);
        facts_done(&facts);
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        folder = argv[1];
        RUN(test_zeta);
        RUN(test_counts_are_near_riemann);
        return tests_end();
}
