/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/store-name.h"

#include "base/cleanup.h"
#include "prime/number.h"
#include "test.h"

static void check_name(const char *from, const char *to, const char *wanted) {
        _cleanup_free_ char *name = NULL;
        _cleanup_mpz_ mpz_t a, b;

        mpz_inits(a, b, NULL);
        CHECK_EQUAL(number_parse(a, from, NULL), 0);
        if (to)
                CHECK_EQUAL(number_parse(b, to, NULL), 0);
        name = store_name(a, to ? b : NULL);
        CHECK(name);
        if (wanted)
                CHECK_STRING(name, wanted);
        CHECK(strlen(name) <= STORE_NAME_MAX);
        CHECK(!strchr(name, '/'));
}

static void test_intervals_are_written_out(void) {
        check_name("0", "10^9", "0-1000000000");
        check_name("2^64", "2^64+1000", "18446744073709551616-18446744073709552616");
        check_name("0", NULL, "0-open");
}

/* These must never change: stores that are there are found by their names. */
static void test_long_names_are_digests(void) {
        check_name("10^58", "10^58+1", "48c50bcaa85c9515");
        check_name("10^300000", NULL, NULL);
}

static void test_the_longest_name_that_is_written_out(void) {
        check_name("10^28", "10^28+1", "10000000000000000000000000000-10000000000000000000000000001");
}

int main(void) {
        RUN(test_intervals_are_written_out);
        RUN(test_long_names_are_digests);
        RUN(test_the_longest_name_that_is_written_out);
        return tests_end();
}
