/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How numbers are written, and that no word, however absurd, costs time or memory. */

#include "prime/number.h"

#include <errno.h>

#include "base/clock.h"
#include "base/random.h"
#include "seed.h"
#include "test.h"

static void check_reads(const char *word, const char *value) {
        _cleanup_mpz_ mpz_t number, expected;
        Problem problem = PROBLEM_NONE;

        mpz_inits(number, expected, NULL);
        CHECK(mpz_set_str(expected, value, 10) == 0);
        if (number_parse(number, word, &problem) != 0 || mpz_cmp(number, expected) != 0)
                printf("# '%s' should be %s; %s\n", word, value, problem.text);
        CHECK(mpz_cmp(number, expected) == 0);
        CHECK_STRING(problem.text, "");
}

/* A refused word leaves the number alone and is quoted in a sentence. */
static void check_refuses(const char *word, int error, const char *reason) {
        _cleanup_mpz_ mpz_t number;
        Problem problem = PROBLEM_NONE;
        usec_t begin = clock_thread_cpu_usec();
        int r;

        mpz_init_set_ui(number, 4711);
        r = number_parse(number, word, &problem);
        if (r != error || !strstr(problem.text, reason))
                printf("# '%.60s': %d, %s\n", word, r, problem.text);
        CHECK_EQUAL(r, error);
        CHECK(strstr(problem.text, reason) != NULL);
        CHECK(strlen(word) > 40 || strchr(word, '\n') || strstr(problem.text, word));
        CHECK(problem.text[strlen(problem.text) - 1] == '.');
        CHECK(mpz_cmp_ui(number, 4711) == 0);
        CHECK(number_parse(number, word, NULL) == error);
        CHECK(clock_thread_cpu_usec() - begin < TEST_PATIENCE(0.5));
}

static void test_digits(void) {
        check_reads("0", "0");
        check_reads("123", "123");
        check_reads("007", "7");
        check_reads("1_000_000", "1000000");
        check_reads("18446744073709551616", "18446744073709551616");
}

static void test_exponents(void) {
        check_reads("1e12", "1000000000000");
        check_reads("1E3", "1000");
        check_reads("0e99999999999999999999", "0");
        check_reads("7e0", "7");
        check_reads("1.5e12", "1500000000000");
        check_reads("1.500e1", "15");
        check_reads("1.000e0", "1");
        check_reads("0.005e3", "5");
        check_reads("1.005e3", "1005");
        check_reads("12.0_5e4", "120500");
        check_reads("0.0e0", "0");
}

static void test_powers_products_and_sums(void) {
        check_reads("10^24", "1000000000000000000000000");
        check_reads("2^64+13", "18446744073709551629");
        check_reads("2^64-59", "18446744073709551557");
        check_reads("5*10^30", "5000000000000000000000000000000");
        check_reads("5*10^30-1", "4999999999999999999999999999999");
        check_reads("2^10*3^2*7+1e2-5", "64607");
        check_reads("3-5+7", "5");
        check_reads("0^0", "1");
        check_reads("0^5", "0");
        check_reads("1^99999999999999999999", "1");
        check_reads("2^0", "1");
        check_reads("10-10", "0");
}

static void test_other_words_are_refused(void) {
        check_refuses("", -EINVAL, "empty word");
        check_refuses(" 1", -EINVAL, "character 1");
        check_refuses("1 ", -EINVAL, "character 2");
        check_refuses("1 000", -EINVAL, "character 2");
        check_refuses("+1", -EINVAL, "character 1");
        check_refuses("--1", -EINVAL, "character 1");
        check_refuses("x", -EINVAL, "character 1, 'x'");
        check_refuses("12x", -EINVAL, "character 3, 'x'");
        check_refuses("0x10", -EINVAL, "character 2, 'x'");
        check_refuses("1,000", -EINVAL, "character 2, ','");
        check_refuses("1__0", -EINVAL, "character 2, '_'");
        check_refuses("_1", -EINVAL, "character 1, '_'");
        check_refuses("1_", -EINVAL, "character 2, '_'");
        check_refuses("1e", -EINVAL, "missing at its end");
        check_refuses("1e-3", -EINVAL, "character 3, '-'");
        check_refuses("1e+3", -EINVAL, "character 3, '+'");
        check_refuses("2^", -EINVAL, "missing at its end");
        check_refuses("^2", -EINVAL, "character 1, '^'");
        check_refuses("2**3", -EINVAL, "character 3, '*'");
        check_refuses("2^-1", -EINVAL, "character 3, '-'");
        check_refuses("10^10^10", -EINVAL, "character 6, '^'");
        check_refuses("1e3^2", -EINVAL, "character 4, '^'");
        check_refuses("2^1e3", -EINVAL, "character 4, 'e'");
        check_refuses("1e2e3", -EINVAL, "character 4, 'e'");
        check_refuses("(1+2)", -EINVAL, "character 1, '('");
        check_refuses("2^64+", -EINVAL, "missing at its end");
        check_refuses("1.5", -EINVAL, "fraction");
        check_refuses("1.", -EINVAL, "missing at its end");
        check_refuses(".5e3", -EINVAL, "character 1, '.'");
        check_refuses("1.55e1", -EINVAL, "fraction");
        check_refuses("1.5*2", -EINVAL, "fraction");
        check_refuses("1\n", -EINVAL, "character 2");
        check_refuses("inf", -EINVAL, "character 1");
        check_refuses("NaN", -EINVAL, "character 1");
}

static void test_negative_is_refused(void) {
        check_refuses("-5", -ERANGE, "negative");
        check_refuses("3-5", -ERANGE, "negative");
        check_refuses("2^64-3^50", -ERANGE, "negative");
}

static void test_too_large_is_refused_at_once(void) {
        check_refuses("2^99999999999", -ERANGE, "too large");
        check_refuses("2^1048576", -ERANGE, "too large");
        check_refuses("2^1048700-2^1048700", -ERANGE, "too large");
        check_refuses("10^10000000000000000000000", -ERANGE, "too large");
        check_refuses("1e400000", -ERANGE, "too large");
        check_refuses("1e4294967296", -ERANGE, "too large");
        check_refuses("1e99999999999999999999999", -ERANGE, "too large");
        check_refuses("10^200000*10^200000", -ERANGE, "too large");
        check_refuses("999999999^9999999", -ERANGE, "too large");
}

/* The largest number of all is accepted in every form. */
static void test_limit(void) {
        _cleanup_mpz_ mpz_t number, largest;
        _cleanup_free_ char *digits = NULL;

        mpz_inits(number, largest, NULL);
        mpz_setbit(largest, NUMBER_BITS_MAX);
        mpz_sub_ui(largest, largest, 1);

        CHECK(number_parse(number, "2^1048576-1", NULL) == 0);
        CHECK(mpz_cmp(number, largest) == 0);
        digits = number_format(largest);
        CHECK(digits && strlen(digits) == 315653);
        CHECK(number_parse(number, digits, NULL) == 0);
        CHECK(mpz_cmp(number, largest) == 0);
        CHECK_EQUAL(number_bytes(largest), NUMBER_BYTES_MAX);
}

static char *repeat(const char *begin, const char *part, size_t n) {
        char *word = malloc(strlen(begin) + n * strlen(part) + 1), *end;

        CHECK(word != NULL);
        end = stpcpy(word, begin);
        for (size_t i = 0; i < n; i++)
                end = stpcpy(end, part);
        return word;
}

static void test_long_words_are_cheap(void) {
        _cleanup_free_ char *nines = repeat("", "9", 400000);
        _cleanup_free_ char *endless = repeat("", "9", 3000000);
        _cleanup_free_ char *products = repeat("2^1048575", "*1", 100000);
        _cleanup_free_ char *sums = repeat("2^1048575", "+2^1048574-2^1048574", 20000);
        _cleanup_free_ char *fraction = repeat("0.", "0", 300000);
        _cleanup_free_ char *letters = repeat("", "x", 100000);

        check_refuses(nines, -ERANGE, "'99999999");
        check_refuses(endless, -ERANGE, "...'");
        check_refuses(products, -EINVAL, "too many operators");
        check_refuses(sums, -EINVAL, "too many operators");
        check_refuses(fraction, -EINVAL, "fraction");
        check_refuses(letters, -EINVAL, "character 1");
}

static void test_unprintable_words_are_quoted_safely(void) {
        Problem problem = PROBLEM_NONE;
        _cleanup_mpz_ mpz_t number;

        mpz_init(number);
        CHECK(number_parse(number, "1\033[2J\xff%n", &problem) == -EINVAL);
        CHECK(strstr(problem.text, "'1?[2J?%n'") != NULL);
        for (const char *c = problem.text; *c; c++)
                CHECK(*c >= ' ' && *c <= '~');
}

static void check_short(const char *word, const char *text) {
        _cleanup_mpz_ mpz_t number;
        _cleanup_free_ char *got = NULL;

        mpz_init(number);
        CHECK(number_parse(number, word, NULL) == 0);
        got = number_format_short(number);
        CHECK(got != NULL);
        CHECK_STRING(got, text);
}

static void test_short_form(void) {
        check_short("0", "0");
        check_short("1e23", "100000000000000000000000");
        check_short("999999999999999999999999", "999999999999999999999999");
        check_short("1e24", "10^24");
        check_short("5*10^30", "5*10^30");
        check_short("10^100+267", "10^100+267");
        check_short("10^100-1", "10^100-1");
        check_short("2^128", "2^128");
        check_short("2^128+51", "2^128+51");
        check_short("2^1024-105", "2^1024-105");
        check_short("2^1048576-1", "2^1048576-1");
        check_short("12345*10^1000", "12345*10^1000");
        check_short("3^500", "3.636e238");
}

static void test_format_and_bytes_round_trip(void) {
        _cleanup_mpz_ mpz_t number, again;
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        uint8_t bytes[260];
        Random random;

        mpz_inits(number, again, NULL);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        random_init(&random, seed);
        for (unsigned i = 0; i < 2000; i++) {
                _cleanup_free_ char *digits = NULL;
                size_t n_bytes;

                mpz_rrandomb(number, state, 1 + random_below(&random, 2048));
                digits = number_format(number);
                CHECK(digits && number_parse(again, digits, NULL) == 0);
                CHECK(mpz_cmp(number, again) == 0);

                n_bytes = number_bytes(number);
                memset(bytes, 0xa5, sizeof bytes);
                number_to_bytes(number, bytes);
                CHECK(n_bytes > 0 && bytes[n_bytes - 1] != 0);
                CHECK_EQUAL(bytes[n_bytes], 0xa5);
                mpz_set_ui(again, 1);
                number_from_bytes(again, bytes, n_bytes);
                CHECK(mpz_cmp(number, again) == 0);
        }
        gmp_randclear(state);

        mpz_set_ui(number, 0x010203);
        number_to_bytes(number, bytes);
        CHECK(number_bytes(number) == 3 && bytes[0] == 3 && bytes[1] == 2 && bytes[2] == 1);
        mpz_set_ui(number, 0);
        CHECK_EQUAL(number_bytes(number), 0);
        number_from_bytes(again, bytes, 0);
        CHECK(mpz_sgn(again) == 0);
}

static void test_64_bit_values(void) {
        static const uint64_t values[] = {
                0, 1, 30, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX - 58, UINT64_MAX,
        };
        _cleanup_mpz_ mpz_t number, other;

        mpz_inits(number, other, NULL);
        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                char digits[32];

                number_set_u64(number, values[i]);
                (void) snprintf(digits, sizeof digits, "%" PRIu64, values[i]);
                CHECK(number_parse(other, digits, NULL) == 0 && mpz_cmp(number, other) == 0);
                CHECK(number_get_u64(number) == values[i]);
                number_add_u64(other, number, UINT64_MAX);
                mpz_sub(other, other, number);
                CHECK(number_get_u64(other) == UINT64_MAX);
        }
}

int main(void) {
        RUN(test_digits);
        RUN(test_exponents);
        RUN(test_powers_products_and_sums);
        RUN(test_other_words_are_refused);
        RUN(test_negative_is_refused);
        RUN(test_too_large_is_refused_at_once);
        RUN(test_limit);
        RUN(test_long_words_are_cheap);
        RUN(test_unprintable_words_are_quoted_safely);
        RUN(test_short_form);
        RUN(test_format_and_bytes_round_trip);
        RUN(test_64_bit_values);
        return tests_end();
}
