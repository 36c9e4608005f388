/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The facts of facts.tsv themselves: what the other tests compare with must be true.
 *
 * Counts that are too large to be computed are compared with Riemann's R: a digit that is mistyped shows.
 * R(x) = 1 + sum over k >= 1 of (ln x)^k / (k·k!·zeta(k + 1)) (Gram, 1884). It differs from the number of primes <= x
 * by less than 0.6·sqrt(x) / ln x for all x of the table; that is 10^-15 of it at 10^29, so 256 bits are used.
 *
 * Of composites it is checked that they are what their rows say, with code of its own on GMP: pseudoprimes of Lucas by
 * Selfridge's parameters (Baillie and Wagstaff, "Lucas pseudoprimes", 1980) and Carmichael numbers by Korselt's
 * criterion (1899).
 */

#include <math.h>

#include "base/macro.h"
#include "prime/facts.h"
#include "prime/test/bpsw.h"
#include "prime/test/strong64.h"

#define BITS 256
#define N_ZETAS 400
#define PIECE UINT64_C(100000000000)

static const char *folder;
static mpf_t zetas[N_ZETAS + 1]; /* from 2 on */

/* 2·artanh(x) = ln((1 + x) / (1 - x)), for 0 <= x <= 1/3 */
static void logarithm_near_one(mpf_t ret, const mpf_t x) {
        mpf_t power, square, term;

        mpf_init2(power, BITS);
        mpf_init2(square, BITS);
        mpf_init2(term, BITS);
        mpf_mul_ui(power, x, 2);
        mpf_mul(square, x, x);
        mpf_set_ui(ret, 0);
        for (unsigned long k = 1; k < BITS; k += 2) {
                mpf_div_ui(term, power, k);
                mpf_add(ret, ret, term);
                mpf_mul(power, power, square);
        }
        mpf_clears(power, square, term, NULL);
}

/* ln x, for x >= 1: that of x / 2^k, which is from 1 to 2, and k·ln 2 */
static void logarithm(mpf_t ret, const mpz_t x) {
        size_t n_twos = mpz_sizeinbase(x, 2) - 1;
        mpf_t ratio, sum;

        mpf_init2(ratio, BITS);
        mpf_init2(sum, BITS);
        mpf_set_ui(ratio, 1);
        mpf_div_ui(ratio, ratio, 3);
        logarithm_near_one(ret, ratio); /* ln 2 */
        mpf_mul_ui(ret, ret, n_twos);
        mpf_set_z(ratio, x);
        mpf_div_2exp(ratio, ratio, n_twos);
        mpf_add_ui(sum, ratio, 1);
        mpf_sub_ui(ratio, ratio, 1);
        mpf_div(ratio, ratio, sum);
        logarithm_near_one(sum, ratio);
        mpf_add(ret, ret, sum);
        mpf_clears(ratio, sum, NULL);
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
static void riemann(mpf_t ret, const mpf_t ln) {
        mpf_t power, term, factor;

        mpf_init2(power, BITS);
        mpf_init2(term, BITS);
        mpf_init2(factor, BITS);
        mpf_set_ui(power, 1);
        mpf_set_ui(ret, 1);
        for (unsigned long k = 1; k < N_ZETAS; k++) {
                mpf_mul(power, power, ln);
                mpf_div_ui(power, power, k);
                mpf_mul_ui(factor, zetas[k + 1], k);
                mpf_div(term, power, factor);
                mpf_add(ret, ret, term);
        }
        mpf_clears(power, term, factor, NULL);
}

/* Whether the number of primes <= x may be `count`. */
static bool is_near_riemann(const mpz_t x, const mpz_t count) {
        mpf_t ln, difference, limit;
        bool is_near;

        mpf_init2(ln, BITS);
        mpf_init2(difference, BITS);
        mpf_init2(limit, BITS);
        logarithm(ln, x);
        riemann(difference, ln);
        mpf_set_z(limit, count);
        mpf_sub(difference, difference, limit);
        mpf_abs(difference, difference);
        mpf_set_z(limit, x);
        mpf_sqrt(limit, limit);
        mpf_div(limit, limit, ln);
        mpf_mul_ui(limit, limit, 3);
        mpf_div_ui(limit, limit, 5);
        is_near = mpf_cmp(difference, limit) < 0;
        mpf_clears(ln, difference, limit, NULL);
        return is_near;
}

/* The number of primes <= x from its row; false: there is none. */
static bool find_count(const mpz_t x, mpz_t ret) {
        _cleanup_mpz_ mpz_t other;
        bool found = false;
        Facts facts;

        mpz_init(other);
        facts_open(&facts, folder, "facts.tsv");
        while (!found && facts_next(&facts, "pi")) {
                facts_number(&facts, 1, other);
                found = mpz_cmp(x, other) == 0;
                if (found)
                        facts_number(&facts, 2, ret);
        }
        facts_done(&facts);
        return found;
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

static void test_logarithm(void) {
        _cleanup_mpz_ mpz_t x;
        mpf_t ln;

        mpz_init(x);
        mpf_init2(ln, BITS);
        for (unsigned long k = 1; k < 1000; k++) {
                mpz_set_ui(x, k * k * k);
                logarithm(ln, x);
                CHECK(fabs(mpf_get_d(ln) - log((double) (k * k * k))) < 1e-13);
        }
        mpf_clear(ln);
}

static void test_counts_are_near_riemann(void) {
        _cleanup_mpz_ mpz_t x, count;
        unsigned n_rows = 0;
        Facts facts;

        mpz_inits(x, count, NULL);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "pi")) {
                facts_number(&facts, 1, x);
                facts_number(&facts, 2, count);
                if (mpz_cmp_ui(x, 1000) < 0)
                        continue;
                if (!is_near_riemann(x, count))
                        printf("# the number of primes <= %s: %s\n", facts.columns[1], facts.columns[2]);
                CHECK(is_near_riemann(x, count));
                n_rows++;
        }
        CHECK(n_rows >= 48);
        facts_done(&facts);
}

static void test_a_misprint_shows(void) {
        _cleanup_mpz_ mpz_t x, count, published;
        unsigned n_rows = 0;
        Facts facts;

        mpz_inits(x, count, published, NULL);
        facts_open(&facts, folder, "facts.tsv");
        for (; facts_next(&facts, "misprint"); n_rows++) {
                facts_number(&facts, 1, x);
                facts_number(&facts, 2, published);
                CHECK(find_count(x, count));
                CHECK(is_near_riemann(x, count));
                CHECK(!is_near_riemann(x, published));
        }
        CHECK(n_rows >= 1);
        facts_done(&facts);
}

/*
 * Consecutive pieces add up to the counts. Near 10^19 that allows for more than a piece varies, so each is compared by
 * itself, too: its standard deviation is about sqrt(h·ln(x / h)) / ln x for h numbers at x (Montgomery and
 * Soundararajan, "Primes in short intervals", 2004), of which six are allowed.
 */
static void test_pieces_add_up(void) {
        _cleanup_mpz_ mpz_t from, before, x, count, number;
        unsigned n_rows = 0, n_counts = 0;
        Facts facts;

        mpz_inits(from, before, x, count, number, NULL);
        facts_open(&facts, folder, "facts.tsv");
        for (; facts_next(&facts, "piece"); n_rows++) {
                uint64_t k = facts_u64(&facts, 2), piece = facts_u64(&facts, 3);

                facts_number(&facts, 1, from);
                if (k == 1) {
                        mpz_set(x, from);
                        mpz_set_ui(count, 0);
                        CHECK(mpz_sgn(from) == 0 || find_count(from, count));
                }
                number_set_u64(number, (k - 1) * PIECE);
                mpz_add(number, number, from);
                CHECK(mpz_cmp(x, number) == 0); /* none is left out */
                number_add_u64(x, x, PIECE);
                number_add_u64(count, count, piece);
                if (!is_near_riemann(x, count))
                        printf("# piece %s of %s\n", facts.columns[2], facts.columns[1]);
                CHECK(is_near_riemann(x, count));
                if (find_count(x, number)) {
                        CHECK(mpz_cmp(count, number) == 0);
                        n_counts++;
                }
                if (mpz_sgn(from) > 0) {
                        double ln = log(mpz_get_d(x)), h = (double) PIECE;

                        CHECK(fabs((double) piece - h / ln) < 6 * sqrt(h * (ln - log(h))) / ln);
                }
        }
        CHECK(n_rows >= 198 && n_counts >= 2);
        facts_done(&facts);
}

/* x = x / 2 mod n, for odd n */
static void halve(mpz_t x, const mpz_t n) {
        if (mpz_odd_p(x))
                mpz_add(x, x, n);
        mpz_tdiv_q_2exp(x, x, 1);
        mpz_mod(x, x, n);
}

/*
 * Whether the odd n passes the Lucas test and the strong Lucas test with Selfridge's parameters: the first D of 5, -7,
 * 9, -11, … with (D | n) = -1, P = 1, Q = (1 - D) / 4. With n + 1 = d·2^s they ask for U_(n+1) = 0, and for U_d = 0 or
 * one V_(d·2^r) = 0, r < s.
 */
static void selfridge(const mpz_t n, bool *ret_passes, bool *ret_strong) {
        _cleanup_mpz_ mpz_t d, u, v, q, next;
        mp_bitcnt_t n_twos;
        long parameter = 5;

        mpz_inits(d, u, v, q, next, NULL);
        *ret_passes = *ret_strong = false;
        if (mpz_perfect_square_p(n))
                return;
        while (mpz_si_kronecker(parameter, n) != -1) {
                if (mpz_si_kronecker(parameter, n) == 0 && mpz_cmpabs_ui(n, (unsigned long) labs(parameter)) != 0)
                        return;
                parameter = parameter > 0 ? -parameter - 2 : -parameter + 2;
        }
        mpz_add_ui(d, n, 1);
        n_twos = mpz_scan1(d, 0);
        mpz_tdiv_q_2exp(d, d, n_twos);
        mpz_set_ui(u, 1);
        mpz_set_ui(v, 1);
        mpz_set_si(q, (1 - parameter) / 4);
        for (size_t bit = mpz_sizeinbase(d, 2) - 1 + n_twos; bit-- > 0;) {
                bool is_behind_d = bit + 1 <= n_twos;

                if (bit + 1 == n_twos)
                        *ret_strong = mpz_divisible_p(u, n) != 0;
                if (is_behind_d)
                        *ret_strong |= mpz_divisible_p(v, n) != 0;
                /* U_2k = U·V, V_2k = V² - 2·Q^k */
                mpz_mul(u, u, v);
                mpz_mul(v, v, v);
                mpz_submul_ui(v, q, 2);
                mpz_mul(q, q, q);
                if (!is_behind_d && mpz_tstbit(d, bit - n_twos)) {
                        /* U_(k+1) = (U + V) / 2, V_(k+1) = (D·U + V) / 2 */
                        mpz_add(next, u, v);
                        mpz_mul_si(u, u, parameter);
                        mpz_add(v, v, u);
                        mpz_set(u, next);
                        halve(u, n);
                        halve(v, n);
                        mpz_mul_si(q, q, (1 - parameter) / 4);
                }
                mpz_mod(u, u, n);
                mpz_mod(v, v, n);
                mpz_mod(q, q, n);
        }
        *ret_passes = mpz_divisible_p(u, n) != 0;
}

/* Which odd numbers below `end` have a row that names the sequence; the largest. */
static unsigned long rows_of(const char *sequence, bool *ret, unsigned long end) {
        unsigned long largest = 0;
        Facts facts;

        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "composite")) {
                unsigned long n;

                if (facts.n_columns < 5 || !strstr(facts.columns[4], sequence))
                        continue;
                n = (unsigned long) facts_u64(&facts, 1);
                CHECK(n < end);
                ret[n] = true;
                largest = MAX(largest, n);
        }
        facts_done(&facts);
        return largest;
}

#define SMALL_END 40000

/* The rows are the first pseudoprimes of their kinds, all of them. */
static void test_lucas_pseudoprimes(void) {
        static bool lucas[SMALL_END], strong[SMALL_END], extra[SMALL_END];
        unsigned long lucas_end = rows_of("A217120", lucas, SMALL_END);
        unsigned long strong_end = rows_of("A217255", strong, SMALL_END);
        unsigned long extra_end = rows_of("A217719", extra, SMALL_END);
        _cleanup_mpz_ mpz_t n;
        LucasTest test;

        CHECK(lucas_end >= 3827 && strong_end >= 18971 && extra_end >= 39059);
        mpz_init(n);
        lucas_test_init(&test);
        for (unsigned long k = 9; k <= extra_end; k += 2) {
                bool is_prime = strong64_is_prime(k), passes, passes_strongly;

                mpz_set_ui(n, k);
                selfridge(n, &passes, &passes_strongly);
                if (is_prime)
                        CHECK(passes && passes_strongly);
                if (!is_prime && k <= lucas_end)
                        CHECK_EQUAL(passes, lucas[k]);
                if (!is_prime && k <= strong_end)
                        CHECK_EQUAL(passes_strongly, strong[k]);
                if (!is_prime)
                        CHECK_EQUAL(lucas_test_passes(&test, n), extra[k]);
                if (passes_strongly)
                        CHECK(passes);
        }
        lucas_test_done(&test);
}

/* Whether base^(n - 1) = 1 modulo n. */
static bool is_fermat(const mpz_t n, unsigned long base) {
        _cleanup_mpz_ mpz_t power, exponent;

        mpz_inits(power, exponent, NULL);
        mpz_sub_ui(exponent, n, 1);
        mpz_set_ui(power, base);
        mpz_powm(power, power, exponent, n);
        return mpz_cmp_ui(power, 1) == 0;
}

/* Korselt's criterion for one prime factor: p² does not divide n, p - 1 divides n - 1. */
static bool fits_korselt(const mpz_t n, const mpz_t p) {
        _cleanup_mpz_ mpz_t square, less_one, p_less_one;

        mpz_inits(square, less_one, p_less_one, NULL);
        mpz_mul(square, p, p);
        mpz_sub_ui(less_one, n, 1);
        mpz_sub_ui(p_less_one, p, 1);
        return mpz_divisible_p(n, p) && !mpz_divisible_p(n, square) && mpz_divisible_p(less_one, p_less_one);
}

/* By trial division: the factors of the rows are small. */
static void check_carmichael(const mpz_t n) {
        _cleanup_mpz_ mpz_t rest, p;
        unsigned n_factors = 0;

        mpz_inits(rest, p, NULL);
        mpz_set(rest, n);
        for (unsigned long k = 3; k < 10000; k += 2)
                if (mpz_divisible_ui_p(rest, k)) {
                        mpz_set_ui(p, k);
                        CHECK(fits_korselt(n, p));
                        mpz_divexact_ui(rest, rest, k);
                        n_factors++;
                }
        CHECK(mpz_cmp_ui(rest, 1) == 0 && n_factors >= 3);
        CHECK(is_fermat(n, 2));
}

/* p(313(p - 1) + 1)(353(p - 1) + 1): p is a little above the cube root of n / (313·353). */
static void check_arnault(Bpsw *bpsw, const mpz_t n) {
        _cleanup_mpz_ mpz_t p, product;
        mpz_t factors[3];

        mpz_inits(p, product, factors[0], factors[1], factors[2], NULL);
        mpz_tdiv_q_ui(p, n, 313 * 353);
        (void) mpz_root(p, p, 3);
        for (unsigned i = 0; i < 4 && mpz_cmp(product, n) != 0; i++, mpz_add_ui(p, p, 1)) {
                mpz_set(factors[0], p);
                for (unsigned k = 1; k < 3; k++) {
                        mpz_sub_ui(factors[k], p, 1);
                        mpz_mul_ui(factors[k], factors[k], k == 1 ? 313 : 353);
                        mpz_add_ui(factors[k], factors[k], 1);
                }
                mpz_mul(product, factors[0], factors[1]);
                mpz_mul(product, product, factors[2]);
        }
        CHECK(mpz_cmp(product, n) == 0);
        CHECK(mpz_sizeinbase(factors[0], 10) == 131);
        for (unsigned k = 0; k < 3; k++)
                CHECK(bpsw_is_prime(bpsw, factors[k]) && fits_korselt(n, factors[k]));
        mpz_clears(factors[0], factors[1], factors[2], NULL);
}

/* n = (k + 1)(2k + 1), with both prime: 8n + 1 = (4k + 3)². */
static void check_triangle(Bpsw *bpsw, const mpz_t n) {
        _cleanup_mpz_ mpz_t root, rest;

        mpz_inits(root, rest, NULL);
        mpz_mul_ui(root, n, 8);
        mpz_add_ui(root, root, 1);
        mpz_sqrtrem(root, rest, root);
        CHECK(mpz_sgn(rest) == 0 && mpz_fdiv_ui(root, 4) == 3);
        mpz_tdiv_q_2exp(root, root, 2); /* k */
        mpz_add_ui(rest, root, 1);
        CHECK(bpsw_is_prime(bpsw, rest));
        mpz_mul_2exp(rest, root, 1);
        mpz_add_ui(rest, rest, 1);
        CHECK(bpsw_is_prime(bpsw, rest));
}

/* p² with 2^(p - 1) = 1 modulo p². */
static void check_wieferich(const mpz_t n) {
        _cleanup_mpz_ mpz_t root, power;

        mpz_inits(root, power, NULL);
        CHECK(mpz_root(root, n, 2) && strong64_is_prime(mpz_get_ui(root)));
        mpz_sub_ui(root, root, 1);
        mpz_set_ui(power, 2);
        mpz_powm(power, power, root, n);
        CHECK(mpz_cmp_ui(power, 1) == 0);
}

static void test_composites_are_what_they_are_said_to_be(void) {
        unsigned n_carmichael = 0, n_arnault = 0, n_triangles = 0, n_wieferich = 0, n_powers = 0, n_fermat = 0;
        _cleanup_mpz_ mpz_t n, number;
        Facts facts;
        Bpsw bpsw;

        mpz_inits(n, number, NULL);
        bpsw_init(&bpsw);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "composite")) {
                const char *what = facts.n_columns >= 5 ? facts.columns[4] : "";

                facts_number(&facts, 1, n);
                if (strstr(what, "A002997")) {
                        check_carmichael(n);
                        n_carmichael++;
                } else if (strncmp(what, "Arnault", 7) == 0) {
                        check_arnault(&bpsw, n);
                        n_arnault++;
                } else if (strcmp(what, "(k+1)(2k+1)") == 0) {
                        check_triangle(&bpsw, n);
                        n_triangles++;
                } else if (strstr(what, "A001220")) {
                        check_wieferich(n);
                        n_wieferich++;
                } else if (strncmp(what, "2^", 2) == 0) {
                        CHECK_EQUAL(number_parse(number, what, NULL), 0);
                        CHECK(mpz_cmp(n, number) == 0);
                        n_powers++;
                } else if (strstr(what, "base-2")) {
                        CHECK(is_fermat(n, 2));
                        n_fermat++;
                }
        }
        CHECK(n_carmichael >= 5 && n_arnault == 1 && n_triangles >= 5 && n_wieferich == 2);
        CHECK(n_powers >= 9 && n_fermat >= 2);
        facts_done(&facts);
        bpsw_done(&bpsw);
}

static void test_factors(void) {
        _cleanup_mpz_ mpz_t n, product, factor;
        unsigned n_rows = 0;
        Facts facts;
        Bpsw bpsw;

        mpz_inits(n, product, factor, NULL);
        bpsw_init(&bpsw);
        facts_open(&facts, folder, "facts.tsv");
        for (; facts_next(&facts, "factors"); n_rows++) {
                facts_number(&facts, 1, n);
                mpz_set_ui(product, 1);
                for (char *rest = facts.columns[2], *word; (word = strsep(&rest, ","));) {
                        CHECK_EQUAL(number_parse(factor, word, NULL), 0);
                        CHECK(bpsw_is_prime(&bpsw, factor));
                        mpz_mul(product, product, factor);
                }
                CHECK(mpz_cmp(n, product) == 0);
                CHECK(is_fermat(n, 2));
        }
        CHECK(n_rows >= 12);
        facts_done(&facts);
        bpsw_done(&bpsw);
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        folder = argv[1];
        for (unsigned long s = 2; s <= N_ZETAS; s++) {
                mpf_init2(zetas[s], BITS);
                zeta(zetas[s], s);
        }
        RUN(test_zeta);
        RUN(test_logarithm);
        RUN(test_counts_are_near_riemann);
        RUN(test_a_misprint_shows);
        RUN(test_pieces_add_up);
        RUN(test_lucas_pseudoprimes);
        RUN(test_composites_are_what_they_are_said_to_be);
        RUN(test_factors);
        for (unsigned long s = 2; s <= N_ZETAS; s++)
                mpf_clear(zetas[s]);
        return tests_end();
}
