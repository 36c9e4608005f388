/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ctl/listing.h"

#include "test.h"

static const char *percent(const char *to, const char *state, double done, double total) {
        static char text[32];
        json_t *job = json_pack("{s:s, s:s, s:f, s:f}", "to", to, "state", state, "numbers_done", done,
                                "numbers_total", total);
        const char *result = listing_percent(job, text, sizeof text);

        json_decref(job);
        return result;
}

static void test_a_hundred_is_said_only_when_it_is_all(void) {
        CHECK(strcmp(percent("1000", "running", 0, 1000), "0.00%") == 0);
        CHECK(strcmp(percent("1000", "running", 342, 1000), "34.20%") == 0);
        CHECK(strcmp(percent("1000", "running", 999.9999, 1000), "99.99%") == 0);
        CHECK(strcmp(percent("1000", "running", 1000, 1000), "99.99%") == 0);
        CHECK(strcmp(percent("1000", "finished", 1000, 1000), "100.00%") == 0);
}

static void test_open_jobs_have_no_share(void) {
        CHECK(strcmp(percent("", "running", 10, 0), "-") == 0);
        CHECK(strcmp(percent("", "running", 10, 1000), "-") == 0);
}

static void test_long_numbers_are_short(void) {
        char *text = listing_number("34000000000");

        CHECK(strcmp(text, "34000000000") == 0);
        free(text);
        text = listing_number("1000000000000000000000000000000000000000000000007");
        CHECK(strcmp(text, "10^48+7") == 0);
        free(text);
        text = listing_number("what is this?");
        CHECK(strcmp(text, "what is this?") == 0);
        free(text);
}

static void test_times_have_a_day_and_an_age(void) {
        const usec_t since = UINT64_C(1700000000) * USEC_PER_SEC;
        char text[128];

        CHECK(setenv("TZ", "UTC", 1) == 0);
        CHECK(strcmp(listing_since(since, since + 305 * USEC_PER_SEC, text, sizeof text),
                     "Tue 2023-11-14 22:13:20 UTC; 5 min 5 s ago") == 0);
        /* A clock that was set back. */
        CHECK(strcmp(listing_since(since, since - 1, text, sizeof text),
                     "Tue 2023-11-14 22:13:20 UTC; 0.0 s ago") == 0);
}

static void test_states_have_colors(void) {
        CHECK_EQUAL(listing_state_color("running"), COLOR_GREEN);
        CHECK_EQUAL(listing_state_color("failed"), COLOR_RED);
        CHECK_EQUAL(listing_state_color("of another release"), COLOR_NONE);
}

int main(void) {
        RUN(test_a_hundred_is_said_only_when_it_is_all);
        RUN(test_open_jobs_have_no_share);
        RUN(test_long_numbers_are_short);
        RUN(test_times_have_a_day_and_an_age);
        RUN(test_states_have_colors);
        return tests_end();
}
