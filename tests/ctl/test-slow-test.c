/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The warning before huge numbers: from which size on, and what it says. What a test really takes is not asserted. */

#include "ctl/slow-test.h"

#include <stdio.h>
#include <string.h>

#include "base/capture.h"
#include "base/log.h"
#include "test.h"

static const char *warning_at(unsigned n_bits) {
        const char *text;
        mpz_t from;

        mpz_init(from);
        mpz_setbit(from, n_bits - 1);
        capture_start();
        slow_test_warn(from);
        text = capture_end();
        mpz_clear(from);
        return text;
}

static void test_the_estimate_grows(void) {
        double before = 0;

        for (size_t n_bits = 1; n_bits <= 1U << 20; n_bits *= 2) {
                double seconds = slow_test_seconds(n_bits);

                CHECK(seconds > before);
                before = seconds;
        }
        CHECK(slow_test_seconds(1024) < 0.01);
        CHECK(slow_test_seconds(100000) > 20 && slow_test_seconds(100000) < 100);
}

static void test_only_what_is_slow_is_warned_of(void) {
        CHECK_STRING(warning_at(1), "");
        CHECK_STRING(warning_at(64), "");
        CHECK_STRING(warning_at(20000), "");
        CHECK_STRING(warning_at(40000), "");
        CHECK(strstr(warning_at(70000), "a single number of this size takes about ") != NULL);
        CHECK(strstr(warning_at(1U << 20), " h ") != NULL);
        CHECK(strchr(warning_at(100000), '\n') == strrchr(warning_at(100000), '\n')); /* one line */
}

int main(void) {
        log_setup("test", LOG_INFO);
        RUN(test_the_estimate_grows);
        RUN(test_only_what_is_slow_is_warned_of);
        return tests_end();
}
