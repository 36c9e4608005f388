/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rate is right from the first seconds on, follows changes, and falls to nothing. */

#include "master/rate-window.h"

#include <math.h>
#include <stdbool.h>

#include "test.h"

#define BEGIN (12345 * USEC_PER_SEC + 678900)

static bool near(double a, double b) {
        return fabs(a - b) <= 0.05 * b;
}

static void test_a_steady_stream(void) {
        RateWindow window;
        usec_t now = BEGIN;

        rate_window_init(&window, now);
        CHECK(rate_window_per_second(&window, now) == 0);
        for (unsigned i = 0; i < 1000; i++) {
                now += 100 * USEC_PER_MSEC;
                rate_window_add(&window, 5, now);
                if (i >= 20)
                        CHECK(near(rate_window_per_second(&window, now), 50));
        }
}

static void test_changes_show_within_the_window(void) {
        RateWindow window;
        usec_t now = BEGIN;

        rate_window_init(&window, now);
        for (unsigned i = 0; i < 100; i++)
                rate_window_add(&window, 10, now += USEC_PER_SEC);
        for (unsigned i = 0; i < RATE_WINDOW_SECONDS; i++)
                rate_window_add(&window, 40, now += USEC_PER_SEC);
        CHECK(near(rate_window_per_second(&window, now), 40));
}

static void test_silence_ends_it(void) {
        RateWindow window;

        rate_window_init(&window, BEGIN);
        rate_window_add(&window, 3000, BEGIN + 100);
        CHECK(near(rate_window_per_second(&window, BEGIN + 200), 3000));
        CHECK(near(rate_window_per_second(&window, BEGIN + 10 * USEC_PER_SEC), 300));
        CHECK(rate_window_per_second(&window, BEGIN + 28 * USEC_PER_SEC) > 0);
        CHECK(rate_window_per_second(&window, BEGIN + 30 * USEC_PER_SEC) == 0);
        CHECK(rate_window_per_second(&window, BEGIN + 1000000 * USEC_PER_SEC) == 0);

        /* and a long silence is no part of the rate that comes after it */
        for (unsigned i = 0; i < 10; i++)
                rate_window_add(&window, 7, BEGIN + (1000 + i) * USEC_PER_SEC);
        CHECK(near(rate_window_per_second(&window, BEGIN + 1010 * USEC_PER_SEC), 7));
}

int main(void) {
        RUN(test_a_steady_stream);
        RUN(test_changes_show_within_the_window);
        RUN(test_silence_ends_it);
        return tests_end();
}
