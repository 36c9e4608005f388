/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counting in decimal digits, upwards and downwards, agrees with GMP, whatever the steps. */

#include "ctl/decimal.h"

#include "base/cleanup.h"
#include "base/random.h"
#include "prime/number.h"
#include "test.h"

static void check_text(const Decimal *decimal, const mpz_t number) {
        _cleanup_free_ char *expected = number_format(number);
        _cleanup_free_ char *found = malloc(decimal_room(decimal));
        char *end;

        CHECK(expected && found);
        end = decimal_put(decimal_cursor(decimal), found);
        CHECK(end + DECIMAL_SLACK <= found + decimal_room(decimal));
        *end = '\0';
        CHECK_STRING(found, expected);
}

/* Steps from zero that skip a power of ten with a zero in it, one by one. */
static void test_every_step_from_zero(void) {
        _cleanup_mpz_ mpz_t number;

        mpz_init(number);
        for (unsigned step = 0; step <= 12000; step++) {
                Decimal decimal = DECIMAL_NONE;

                mpz_set_ui(number, 0);
                CHECK(decimal_set(&decimal, number) >= 0);
                decimal_add(&decimal, step);
                mpz_set_ui(number, step);
                check_text(&decimal, number);
                decimal_subtract(&decimal, step / 3);
                mpz_set_ui(number, step - step / 3);
                check_text(&decimal, number);
                decimal_subtract(&decimal, step - step / 3);
                mpz_set_ui(number, 0);
                check_text(&decimal, number);
                decimal_done(&decimal);
        }
}

static void test_random_steps(void) {
        const char *seed_word = getenv("PRIMED_TEST_SEED");
        uint64_t seed = seed_word ? strtoull(seed_word, NULL, 10) : 20;
        Decimal decimal = DECIMAL_NONE;
        _cleanup_mpz_ mpz_t number;
        Random random;

        printf("# PRIMED_TEST_SEED=%" PRIu64 "\n", seed);
        random_init(&random, seed);
        mpz_init(number);
        for (unsigned i = 0; i < 2000; i++) {
                mpz_set_ui(number, 0);
                for (uint64_t limbs = random_below(&random, 5); limbs > 0; limbs--) {
                        mpz_mul_2exp(number, number, 64);
                        number_add_u64(number, number, random_u64(&random) >> random_below(&random, 64));
                }
                CHECK(decimal_set(&decimal, number) >= 0);
                check_text(&decimal, number);
                for (unsigned k = 0; k < 20; k++) {
                        uint64_t step = random_u64(&random) >> (9 + random_below(&random, 55));

                        decimal_add(&decimal, step);
                        number_add_u64(number, number, step);
                        check_text(&decimal, number);
                }
                for (unsigned k = 0; k < 20; k++) {
                        uint64_t step = random_u64(&random) >> (9 + random_below(&random, 55));
                        _cleanup_mpz_ mpz_t subtrahend;

                        mpz_init(subtrahend);
                        number_set_u64(subtrahend, step);
                        if (mpz_cmp(subtrahend, number) > 0)
                                continue;
                        decimal_subtract(&decimal, step);
                        mpz_sub(number, number, subtrahend);
                        check_text(&decimal, number);
                }
        }
        decimal_done(&decimal);
}

static void test_nines_carry(void) {
        Decimal decimal = DECIMAL_NONE;
        _cleanup_mpz_ mpz_t number;

        mpz_init(number);
        for (unsigned digits = 1; digits < 60; digits++) {
                mpz_ui_pow_ui(number, 10, digits);
                mpz_sub_ui(number, number, 1);
                CHECK(decimal_set(&decimal, number) >= 0);
                decimal_add(&decimal, 1);
                mpz_add_ui(number, number, 1);
                check_text(&decimal, number);
                decimal_subtract(&decimal, 1);
                mpz_sub_ui(number, number, 1);
                check_text(&decimal, number);
        }
        decimal_done(&decimal);
}

static void test_integers(void) {
        char found[20 + DECIMAL_SLACK + 1], expected[24];
        Decimal decimal = DECIMAL_NONE;
        _cleanup_mpz_ mpz_t number;

        mpz_init(number);
        CHECK(decimal_set(&decimal, number) >= 0);
        decimal_done(&decimal);
        for (uint64_t i = 0; i < 70000; i++) {
                uint64_t value = i < 60000 ? i : UINT64_MAX / (i - 59999);

                *decimal_put_u64(value, found) = '\0';
                (void) snprintf(expected, sizeof expected, "%" PRIu64, value);
                CHECK_STRING(found, expected);
        }
}

int main(void) {
        RUN(test_every_step_from_zero);
        RUN(test_random_steps);
        RUN(test_nines_carry);
        RUN(test_integers);
        return tests_end();
}
