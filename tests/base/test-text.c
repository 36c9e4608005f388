/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Numbers for people, at the places where the unit or the number of digits changes. */

#include "base/text.h"

#include "base/macro.h"
#include "test.h"

static void test_grouped(void) {
        char buffer[TEXT_SIZE];

        CHECK_STRING(text_grouped(0, buffer), "0");
        CHECK_STRING(text_grouped(999, buffer), "999");
        CHECK_STRING(text_grouped(1000, buffer), "1,000");
        CHECK_STRING(text_grouped(50847534, buffer), "50,847,534");
        CHECK_STRING(text_grouped(UINT64_MAX, buffer), "18,446,744,073,709,551,615");
}

static void test_metric(void) {
        static const struct {
                double value;
                const char *text;
        } cases[] = {
                { 0, "0" },          { 1, "1" },          { 999.4, "999" },    { 999.6, "1.00 k" }, { 1234, "1.23 k" },
                { 9990, "9.99 k" },  { 9996, "10.0 k" },  { 45600, "45.6 k" }, { 99960, "100 k" },  { 999499, "999 k" },
                { 999500, "1.00 M" }, { 1.23e9, "1.23 G" }, { 1e18, "1.00 E" }, { 1e21, "1000 E" },
        };
        char buffer[TEXT_SIZE];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                CHECK_STRING(text_metric(cases[i].value, buffer), cases[i].text);
}

static void test_bytes(void) {
        char buffer[TEXT_SIZE];

        CHECK_STRING(text_bytes(0, buffer), "0B");
        CHECK_STRING(text_bytes(1023, buffer), "1023B");
        CHECK_STRING(text_bytes(1024, buffer), "1.0K");
        CHECK_STRING(text_bytes(1536, buffer), "1.5K");
        CHECK_STRING(text_bytes((1 << 20) - 1, buffer), "1.0M");
        CHECK_STRING(text_bytes(64 << 20, buffer), "64.0M");
        CHECK_STRING(text_bytes(UINT64_MAX, buffer), "16.0E");
}

static void test_duration(void) {
        char buffer[TEXT_SIZE];

        CHECK_STRING(text_duration(0, buffer), "0.0 s");
        CHECK_STRING(text_duration(850 * USEC_PER_MSEC, buffer), "0.8 s");
        CHECK_STRING(text_duration(10 * USEC_PER_SEC - 1, buffer), "9.9 s");
        CHECK_STRING(text_duration(42 * USEC_PER_SEC, buffer), "42 s");
        CHECK_STRING(text_duration(185 * USEC_PER_SEC, buffer), "3 min 5 s");
        CHECK_STRING(text_duration(130 * USEC_PER_MINUTE, buffer), "2 h 10 min");
        CHECK_STRING(text_duration(76 * USEC_PER_HOUR, buffer), "3 d 4 h");
        CHECK_STRING(text_duration(USEC_INFINITY, buffer), "unknown");
}

static void test_duration_always_fits(void) {
        char buffer[TEXT_SIZE];

        CHECK(strlen(text_duration(USEC_INFINITY - 1, buffer)) < TEXT_SIZE);
}

static void test_hex(void) {
        static const uint8_t data[] = { 0x00, 0x7f, 0x80, 0xff };
        char buffer[2 * sizeof data + 1];

        CHECK_STRING(text_hex(data, sizeof data, buffer), "007f80ff");
        CHECK_STRING(text_hex(data, 0, buffer), "");
}

static void test_plural(void) {
        CHECK_STRING(text_plural(0), "s");
        CHECK_STRING(text_plural(1), "");
        CHECK_STRING(text_plural(2), "s");
        CHECK_STRING(text_plural(UINT64_MAX), "s");
}

int main(void) {
        RUN(test_grouped);
        RUN(test_metric);
        RUN(test_bytes);
        RUN(test_duration);
        RUN(test_duration_always_fits);
        RUN(test_hex);
        RUN(test_plural);
        return tests_end();
}
