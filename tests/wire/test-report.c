/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A report arrives as it was sent, and nothing else is taken for one. */

#include "wire/report.h"

#include <errno.h>

#include "base/cleanup.h"
#include "test.h"

static char from_text[] = "1000000000000000000000000", to_text[] = "1000000000000000000000000000";

static Report sample(void) {
        return (Report) {
                .state = "running",
                .problem = "The disk is \"full\"",
                .from = from_text,
                .to = to_text,
                .block_length = 31457280,
                .blocks_total = UINT64_MAX,
                .blocks_in_order = UINT64_C(9007199254740993), /* 2^53 + 1: not a double */
                .blocks_spooled = 3,
                .blocks_at_start = 4,
                .numbers_total = 1e27,
                .numbers_done = 1.5e26,
                .numbers_at_start = 7,
                .primes = 50847534,
                .segment_bytes = 5,
                .spool_bytes = 6,
                .segments = 7,
                .disagreements = 8,
                .workers = 9,
                .threads = UINT32_MAX,
                .elapsed_usec = 11,
        };
}

static void test_round_trip(void) {
        Report report = sample(), copy;
        _cleanup_free_ char *text = NULL;
        size_t size;

        CHECK(report_encode(&report, &text, &size) >= 0);
        CHECK(size < REPORT_SIZE_MAX);
        CHECK(report_decode(text, size, &copy) >= 0);
        CHECK_STRING(copy.from, report.from);
        CHECK_STRING(copy.to, report.to);
        CHECK_STRING(copy.problem, report.problem);
        CHECK(copy.blocks_total == UINT64_MAX);
        CHECK(copy.blocks_in_order == UINT64_C(9007199254740993));
        CHECK(copy.numbers_total == 1e27);
        CHECK(copy.threads == UINT32_MAX);
        free(copy.from);
        free(copy.to);
        copy.from = from_text;
        copy.to = to_text;
        CHECK(memcmp(&copy, &report, sizeof copy) == 0);
}

static void test_endless_numbers_are_left_out(void) {
        _cleanup_free_ char *text = NULL, *digits = malloc(REPORT_NUMBER_MAX + 2);
        Report report = sample(), copy;
        size_t size;

        CHECK(digits);
        memset(digits, '9', REPORT_NUMBER_MAX + 1);
        digits[REPORT_NUMBER_MAX + 1] = '\0';
        report.to = digits;
        CHECK(report_encode(&report, &text, &size) >= 0);
        CHECK(size < REPORT_SIZE_MAX);
        CHECK(report_decode(text, size, &copy) >= 0);
        CHECK_STRING(copy.to, "");
        report_done(&copy);
}

static void test_every_truncation_is_refused(void) {
        Report report = sample(), copy;
        _cleanup_free_ char *text = NULL;
        size_t size;

        CHECK(report_encode(&report, &text, &size) >= 0);
        for (size_t n = 0; n < size; n++)
                CHECK_EQUAL(report_decode(text, n, &copy), -EBADMSG);
}

static void test_other_json_is_refused(void) {
        static const char *const texts[] = { "", "{}", "[]", "null", "{\"state\":1}", "{\"state\":\"running\"}" };
        Report report;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                CHECK_EQUAL(report_decode(texts[i], strlen(texts[i]), &report), -EBADMSG);
}

int main(void) {
        RUN(test_round_trip);
        RUN(test_endless_numbers_are_left_out);
        RUN(test_every_truncation_is_refused);
        RUN(test_other_json_is_refused);
        return tests_end();
}
