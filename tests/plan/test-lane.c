/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "plan/lane.h"
#include "test.h"

#define FALLBACK (3 * USEC_PER_SEC)

static Backlog *job(void) {
        static Backlog *backlog;
        PlanJob spec = {
                .id = 1, .n_items = 1000, .priority = 1, .run_items = 1, .spool_items_max = UINT64_MAX
        };

        backlog_free(backlog);
        CHECK(backlog_new(&spec, NULL, &backlog) == 0);
        return backlog;
}

static void lease(Lane *lane, Backlog *backlog, uint64_t first, uint64_t end, usec_t now) {
        Lease lease = { .backlog = backlog, .first = first, .end = end, .n_left = end - first };

        CHECK(lane_add_lease(lane, &lease, now) == 0);
}

static void test_cut_out_of_the_middle_makes_two(void) {
        Backlog *backlog = job();
        Lane lane = {};

        lease(&lane, backlog, 10, 20, 0);
        CHECK(lane_cut(&lane, backlog, 13, 15, 0) == 0);
        CHECK_EQUAL(lane.n_leases, 2);
        CHECK(lane.leases[0].end == 13 && lane.leases[0].n_left == 3);
        CHECK(lane.leases[1].first == 15 && lane.leases[1].n_left == 5);
        CHECK(!lane_holds(&lane, backlog, 13, 15));
        lane_done(&lane);
}

static void test_cut_forgets_halves_that_are_done(void) {
        Backlog *backlog = job();
        Lane lane = {};

        lease(&lane, backlog, 10, 20, 0);
        for (uint64_t item = 15; item < 20; item++) {
                CHECK(backlog_accept(backlog, item, 0) == 0);
                lane_settle_item(&lane, lane.leases, item, 0, true);
        }
        CHECK(lane_cut(&lane, backlog, 13, 15, 0) == 0);
        CHECK_EQUAL(lane.n_leases, 1);
        CHECK_EQUAL(lane.leases[0].n_left, 3);
        CHECK(lane_cut(&lane, backlog, 0, 99, 0) == 0);
        CHECK_EQUAL(lane.n_leases, 0);
        lane_done(&lane);
}

static void test_items_settle_in_any_order(void) {
        Backlog *backlog = job();
        Lane lane = {};

        lease(&lane, backlog, 0, 3, 0);
        CHECK(backlog_accept(backlog, 1, 0) == 0);
        lane_settle_item(&lane, lane.leases, 1, 10, true);
        CHECK(lane.leases[0].first == 0 && lane.leases[0].n_left == 2);
        CHECK(backlog_accept(backlog, 0, 0) == 0);
        lane_settle_item(&lane, lane.leases, 0, 20, true);
        CHECK(lane.leases[0].first == 2 && lane.begun_usec == 20);
        CHECK(backlog_accept(backlog, 2, 0) == 0);
        lane_settle_item(&lane, lane.leases, 2, 30, true);
        CHECK_EQUAL(lane.n_leases, 0);
        lane_done(&lane);
}

static void test_outlook_of_a_healthy_lane(void) {
        Backlog *backlog = job();
        Outlook outlook;
        Lane lane = {};

        for (unsigned i = 0; i < 3; i++)
                CHECK(lane_add_pace(&lane, 1, USEC_PER_SEC, false, FALLBACK) == 0);
        lease(&lane, backlog, 0, 2, 0);
        lease(&lane, backlog, 2, 5, 0);
        lane.run = backlog;
        lane.run_next = 5;
        lane.run_end = 10;
        outlook = lane_outlook(&lane, backlog, 400000, FALLBACK);
        CHECK_EQUAL(outlook.n_begun, 1);
        CHECK_EQUAL(outlook.n_waiting, 9);
        CHECK_EQUAL(outlook.begun_usec + 0.5, 600000);
        CHECK_EQUAL(outlook.busy_usec + 0.5, 4600000);
        CHECK_EQUAL(outlook.finish_usec + 0.5, 9600000);
        CHECK(!outlook.overdue);
        lane_done(&lane);
}

/* What it has not begun can be taken from it. */
static void test_outlook_of_a_lane_that_slowed_down(void) {
        Backlog *backlog = job();
        Outlook outlook;
        Lane lane = {};

        for (unsigned i = 0; i < 100; i++)
                CHECK(lane_add_pace(&lane, 1, USEC_PER_SEC / 10, false, FALLBACK) == 0);
        CHECK(lane_add_pace(&lane, 1, USEC_PER_SEC, false, FALLBACK) == 0);
        lease(&lane, backlog, 0, 8, 0);
        outlook = lane_outlook(&lane, backlog, 0, FALLBACK);
        CHECK_EQUAL(outlook.n_begun, 1);
        CHECK_EQUAL(outlook.n_waiting, 7);
        lane_done(&lane);
}

static void test_outlook_of_a_silent_lane_grows(void) {
        Backlog *backlog = job();
        Lane lane = {};

        for (unsigned i = 0; i < 3; i++)
                CHECK(lane_add_pace(&lane, 1, USEC_PER_SEC, false, FALLBACK) == 0);
        lease(&lane, backlog, 0, 1, 0);
        for (unsigned seconds = 2; seconds < 10; seconds++) {
                Outlook outlook = lane_outlook(&lane, backlog, seconds * USEC_PER_SEC, FALLBACK);

                CHECK(outlook.overdue);
                CHECK_EQUAL(outlook.begun_usec + 0.5, (seconds - 1) * USEC_PER_SEC);
        }
        lane_done(&lane);
}

static void test_count_is_exact(void) {
        Backlog *backlog = job();
        Lane a = {}, b = {};

        CHECK(lane_add_pace(&a, 1, 1000, false, FALLBACK) == 0);
        CHECK(lane_add_pace(&b, 1, 500, false, FALLBACK) == 0);
        lane_count(&a, backlog);
        lane_count(&b, backlog);
        lane_count(&b, backlog);
        CHECK_EQUAL(backlog->n_lanes, 2);
        CHECK_EQUAL(backlog->speed * 1e6 + 0.5, 3000);
        lane_count(&a, NULL);
        lane_forget_job(&b, backlog);
        CHECK(backlog->n_lanes == 0 && backlog->speed == 0);
        lane_done(&a);
        lane_done(&b);
}

int main(void) {
        RUN(test_cut_out_of_the_middle_makes_two);
        RUN(test_cut_forgets_halves_that_are_done);
        RUN(test_items_settle_in_any_order);
        RUN(test_outlook_of_a_healthy_lane);
        RUN(test_outlook_of_a_lane_that_slowed_down);
        RUN(test_outlook_of_a_silent_lane_grows);
        RUN(test_count_is_exact);
        return tests_end();
}
