/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Strict parsing: what is taken, and how much more is refused. */

#include "base/parse.h"

#include <errno.h>

#include "base/macro.h"
#include "test.h"

/* Words that none of the functions takes. */
static const char *const bad_words[] = {
        "", " ", " 1", "1 ", "+1", "-1", "0x10", "1.5", "1e3", "1,000", "x", "1x", "s", "K", "٣", "1\n",
};

static void test_bad_words_are_refused(void) {
        for (size_t i = 0; i < ELEMENTSOF(bad_words); i++) {
                uint64_t value = 77;
                unsigned small = 77;
                usec_t span = 77;

                CHECK(parse_u64(bad_words[i], &value) == -EINVAL);
                CHECK(parse_size(bad_words[i], &value) == -EINVAL);
                CHECK(parse_duration(bad_words[i], &span) == -EINVAL);
                CHECK(parse_unsigned(bad_words[i], 0, 100, &small) == -EINVAL);
                CHECK(value == 77 && small == 77 && span == 77);
        }
}

static void test_u64_to_its_limit(void) {
        uint64_t value = 0;

        CHECK(parse_u64("0", &value) == 0 && value == 0);
        CHECK(parse_u64("007", &value) == 0 && value == 7);
        CHECK(parse_u64("18446744073709551615", &value) == 0 && value == UINT64_MAX);
        CHECK(parse_u64("18446744073709551616", &value) == -ERANGE);
        CHECK(parse_u64("99999999999999999999999", &value) == -ERANGE);
        CHECK(value == UINT64_MAX);
}

static void test_unsigned_within_bounds(void) {
        unsigned value = 0;

        CHECK(parse_unsigned("1", 1, 64, &value) == 0 && value == 1);
        CHECK(parse_unsigned("64", 1, 64, &value) == 0 && value == 64);
        CHECK(parse_unsigned("0", 1, 64, &value) == -ERANGE);
        CHECK(parse_unsigned("65", 1, 64, &value) == -ERANGE);
        CHECK(parse_unsigned("4294967296", 0, UINT32_MAX, &value) == -ERANGE);
        CHECK(value == 64);
}

static void test_size_units(void) {
        uint64_t value = 0;

        CHECK(parse_size("12", &value) == 0 && value == 12);
        CHECK(parse_size("1K", &value) == 0 && value == 1024);
        CHECK(parse_size("64M", &value) == 0 && value == UINT64_C(64) << 20);
        CHECK(parse_size("3G", &value) == 0 && value == UINT64_C(3) << 30);
        CHECK(parse_size("2T", &value) == 0 && value == UINT64_C(2) << 40);
        CHECK(parse_size("1k", &value) == -EINVAL);
        CHECK(parse_size("1KB", &value) == -EINVAL);
        CHECK(parse_size("16777215T", &value) == 0 && value == UINT64_C(16777215) << 40);
        CHECK(parse_size("16777216T", &value) == -ERANGE);
}

static void test_duration_units(void) {
        usec_t span = 0;

        CHECK(parse_duration("90", &span) == 0 && span == 90 * USEC_PER_SEC);
        CHECK(parse_duration("90s", &span) == 0 && span == 90 * USEC_PER_SEC);
        CHECK(parse_duration("500ms", &span) == 0 && span == 500 * USEC_PER_MSEC);
        CHECK(parse_duration("5min", &span) == 0 && span == 5 * USEC_PER_MINUTE);
        CHECK(parse_duration("2h", &span) == 0 && span == 2 * USEC_PER_HOUR);
        CHECK(parse_duration("0", &span) == 0 && span == 0);
        CHECK(parse_duration("2 h", &span) == -EINVAL);
        CHECK(parse_duration("1h30min", &span) == -EINVAL);
        CHECK(parse_duration("18446744073709551615", &span) == -ERANGE);
}

int main(void) {
        RUN(test_bad_words_are_refused);
        RUN(test_u64_to_its_limit);
        RUN(test_unsigned_within_bounds);
        RUN(test_size_units);
        RUN(test_duration_units);
        return tests_end();
}
