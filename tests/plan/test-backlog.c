/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/cleanup.h"
#include "plan/backlog.h"
#include "test.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(Backlog *, backlog_free);

static Backlog *new_backlog(uint64_t n_items, uint64_t spool_items_max, const IntervalSet *done) {
        PlanJob job = { .id = 1,
                        .n_items = n_items,
                        .delivery = PLAN_ORDERED,
                        .priority = 1,
                        .run_items = 1,
                        .spool_items_max = spool_items_max };
        Backlog *backlog = NULL;

        CHECK(backlog_new(&job, done, &backlog) == 0);
        return backlog;
}

static void test_frontier_passes_what_is_done(void) {
        _cleanup_(backlog_freep) Backlog *backlog = new_backlog(10, UINT64_MAX, NULL);

        CHECK(backlog_accept(backlog, 1, 0) == 0);
        CHECK(backlog_accept(backlog, 2, 0) == 0);
        CHECK_EQUAL(backlog->frontier, 0);
        CHECK(backlog_accept(backlog, 0, 5) == 0);
        CHECK_EQUAL(backlog->frontier, 3);
        CHECK_EQUAL(backlog->frontier_usec, 5);
        CHECK_EQUAL(backlog_n_missing(backlog), 7);
}

static void test_done_items_are_copied_and_cut(void) {
        IntervalSet done = INTERVAL_SET_EMPTY;
        Backlog *backlog;

        CHECK(interval_set_add(&done, 0, 4) == 0);
        CHECK(interval_set_add(&done, 8, 99) == 0);
        backlog = new_backlog(10, UINT64_MAX, &done);
        interval_set_done(&done);
        CHECK_EQUAL(backlog->frontier, 4);
        CHECK_EQUAL(backlog_n_missing(backlog), 4);
        backlog_free(backlog);
}

static void test_release_spares_what_is_done(void) {
        _cleanup_(backlog_freep) Backlog *backlog = new_backlog(10, UINT64_MAX, NULL);

        CHECK(interval_set_add(&backlog->taken, 2, 8) == 0);
        CHECK(backlog_accept(backlog, 4, 0) == 0);
        CHECK(backlog_release(backlog, 0, 10) == 0);
        CHECK_EQUAL(backlog->taken.n_members, 1);
        CHECK(interval_set_contains(&backlog->taken, 4));
}

static void test_loss_moves_the_frontier_back(void) {
        _cleanup_(backlog_freep) Backlog *backlog = new_backlog(10, UINT64_MAX, NULL);

        for (uint64_t item = 0; item < 10; item++)
                CHECK(backlog_accept(backlog, item, 0) == 0);
        CHECK(!backlog_is_active(backlog));
        CHECK(backlog_lose(backlog, 6, 99) == 0);
        CHECK_EQUAL(backlog->frontier, 6);
        CHECK_EQUAL(backlog_n_free(backlog), 4);
        CHECK(backlog_is_active(backlog));
}

static void test_room_in_the_spool(void) {
        _cleanup_(backlog_freep) Backlog *backlog = new_backlog(100, 10, NULL);

        CHECK_EQUAL(backlog_spool_room(backlog), 10);
        CHECK(interval_set_add(&backlog->taken, 0, 7) == 0);
        CHECK_EQUAL(backlog_spool_room(backlog), 3);
        CHECK(backlog_accept(backlog, 0, 0) == 0);
        CHECK_EQUAL(backlog_spool_room(backlog), 4);
        CHECK(backlog_accept(backlog, 50, 0) == 0); /* unasked: does not count */
        CHECK_EQUAL(backlog_spool_room(backlog), 4);
}

int main(void) {
        RUN(test_frontier_passes_what_is_done);
        RUN(test_done_items_are_copied_and_cut);
        RUN(test_release_spares_what_is_done);
        RUN(test_loss_moves_the_frontier_back);
        RUN(test_room_in_the_spool);
        return tests_end();
}
