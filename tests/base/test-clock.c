/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Three clocks: one that never goes back, one for people, one for work done. */

#include "base/clock.h"

#include <time.h>

#include "test.h"

static void test_now_never_goes_back(void) {
        usec_t before = clock_now_usec();

        CHECK(before > 0);
        for (int i = 0; i < 100000; i++) {
                usec_t now = clock_now_usec();

                CHECK(now >= before);
                before = now;
        }
}

static void test_now_counts_microseconds(void) {
        struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
        usec_t before = clock_now_usec(), passed;

        (void) nanosleep(&pause, NULL);
        passed = clock_now_usec() - before;
        CHECK(passed >= 20 * USEC_PER_MSEC);
        CHECK(passed < USEC_PER_MINUTE);
}

static void test_realtime_is_unix_time(void) {
        time_t before = time(NULL);
        usec_t now = clock_realtime_usec();

        /* time() may read a coarser clock that is a tick behind */
        CHECK(now / USEC_PER_SEC >= (usec_t) before);
        CHECK(now / USEC_PER_SEC <= (usec_t) time(NULL) + 1);
}

/* Also on 32-bit processors. */
static void test_seconds_reach_beyond_2038(void) {
        CHECK_EQUAL(sizeof(time_t), 8);
}

/* A thread that sleeps does no work. */
static void test_thread_cpu_counts_work_not_time(void) {
        struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
        usec_t before = clock_thread_cpu_usec(), slept, worked;

        (void) nanosleep(&pause, NULL);
        slept = clock_thread_cpu_usec() - before;
        CHECK(slept < 25 * USEC_PER_MSEC);

        before = clock_thread_cpu_usec();
        for (volatile unsigned i = 0; i < 20 * 1000 * 1000; i++)
                ;
        worked = clock_thread_cpu_usec() - before;
        CHECK(worked > slept);
}

int main(void) {
        RUN(test_now_never_goes_back);
        RUN(test_now_counts_microseconds);
        RUN(test_realtime_is_unix_time);
        RUN(test_seconds_reach_beyond_2038);
        RUN(test_thread_cpu_counts_work_not_time);
        return tests_end();
}
