/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "plan/pace.h"
#include "test.h"

#define MEMORY (6 * USEC_PER_SEC)

static void test_unknown_at_first(void) {
        CHECK(pace_item_usec(&(Pace) {}) == 0);
}

static void test_first_item_is_taken_apart(void) {
        Pace pace = {};

        pace_add(&pace, 500000, true, MEMORY);
        CHECK(pace_item_usec(&pace) == 500000);
        pace_add(&pace, 100000, false, MEMORY);
        CHECK(pace_item_usec(&pace) == 100000);
        CHECK(pace.start_usec == 400000);
        pace_add(&pace, 300000, true, MEMORY); /* another run: says nothing about the speed */
        CHECK(pace_item_usec(&pace) == 100000);
        CHECK(pace.start_usec == 300000);
}

static void test_bursts_count_for_what_they_are(void) {
        Pace pace = {};

        for (unsigned i = 0; i < 20; i++) {
                pace_add(&pace, USEC_PER_SEC, false, MEMORY);
                for (unsigned j = 1; j < 10; j++)
                        pace_add(&pace, 0, false, MEMORY);
        }
        CHECK(pace_item_usec(&pace) > 80000 && pace_item_usec(&pace) < 120000);
        CHECK(pace.gap_usec > 600000);
        CHECK(pace.burst_items == 10);
}

/* A window of ten begins the run: 2 s to prepare it and 0.1 s for each, and the results come within moments. */
static void test_a_run_begins_with_a_burst(void) {
        for (uint64_t n_known = 1; n_known <= 10; n_known += 9) {
                Pace pace = {};

                /* whether it is known how many come together or not */
                pace_add(&pace, 3 * USEC_PER_SEC, n_known, MEMORY);
                for (unsigned i = 1; i < 10; i++)
                        pace_add(&pace, 0, 0, MEMORY);
                CHECK(pace_item_usec(&pace) > 290000 && pace_item_usec(&pace) < 310000); /* nothing else to go by */
                CHECK(pace.burst_items == 10);
                for (unsigned i = 0; i < 30; i++)
                        pace_add(&pace, i % 10 == 0 ? USEC_PER_SEC : 0, 0, MEMORY);
                CHECK(pace_item_usec(&pace) > 80000 && pace_item_usec(&pace) < 120000);
                CHECK(pace.start_usec > 1900000 && pace.start_usec < 2100000);

                /* another run says nothing about the speed */
                for (unsigned i = 0; i < 10; i++)
                        pace_add(&pace, i == 0 ? 3 * USEC_PER_SEC : 0, i == 0 ? n_known : 0, MEMORY);
                CHECK(pace_item_usec(&pace) > 80000 && pace_item_usec(&pace) < 120000);
                CHECK(pace.start_usec > 1800000 && pace.start_usec < 2200000);
        }
}

/* The longest gap grows, but what comes after it is one result. */
static void test_slowing_down_is_no_burst(void) {
        Pace pace = {};

        for (unsigned i = 0; i < 100; i++)
                pace_add(&pace, 100000, false, MEMORY);
        for (unsigned i = 0; i < 3; i++)
                pace_add(&pace, 2 * USEC_PER_SEC, false, MEMORY);
        CHECK(pace.gap_usec == 2 * USEC_PER_SEC);
        CHECK(pace_item_usec(&pace) < 500000); /* not yet believed */
        CHECK(pace.burst_items == 1);
}

static void test_change_of_speed_is_followed(void) {
        Pace pace = {};

        for (unsigned i = 0; i < 1000; i++)
                pace_add(&pace, 10000, false, MEMORY);
        for (unsigned i = 0; i < 400; i++) /* forty seconds */
                pace_add(&pace, 100000, false, MEMORY);
        CHECK(pace_item_usec(&pace) > 90000);
}

static void test_slow_items_are_remembered(void) {
        Pace pace = {};

        for (unsigned i = 0; i < 10; i++)
                pace_add(&pace, (i % 2 ? 40 : 80) * USEC_PER_SEC, false, MEMORY);
        CHECK(pace_item_usec(&pace) > 50.0 * USEC_PER_SEC && pace_item_usec(&pace) < 70.0 * USEC_PER_SEC);
}

int main(void) {
        RUN(test_unknown_at_first);
        RUN(test_first_item_is_taken_apart);
        RUN(test_bursts_count_for_what_they_are);
        RUN(test_a_run_begins_with_a_burst);
        RUN(test_slowing_down_is_no_burst);
        RUN(test_change_of_speed_is_followed);
        RUN(test_slow_items_are_remembered);
        return tests_end();
}
