/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The size and place of leases and runs. */

#include "base/macro.h"
#include "fixture.h"

static void test_new_lane_starts_with_single_items(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 10000, .run_items = 50 });
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        lease = fixture_lease(plan, 1, 0);
        CHECK(lease.first == 0 && lease.end == 1 && lease.run_end == 50);
        lease = fixture_lease(plan, 1, 0);
        CHECK(lease.first == 1 && lease.end == 2);
        CHECK(plan_lease(plan, 1, 0, 0, &lease) == PLAN_ENOUGH);
}

static void test_leases_last_as_long_as_they_should(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 1000000, .run_items = 1000 });
        uint64_t item = 0, n_most = 0;
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        for (unsigned i = 0; i < 100; i++) {
                lease = fixture_lease(plan, 1, item * 10000);
                n_most = n_most > lease.end - lease.first ? n_most : lease.end - lease.first;
                for (; item < lease.end; item++)
                        CHECK(fixture_result(plan, 1, item, (item + 1) * 10000) == PLAN_RESULT_NEW);
        }
        CHECK(n_most >= 299 && n_most <= 301); /* 3 s of 10 ms */
        CHECK(plan_worker_speed(plan, 1, JOB) > 99 && plan_worker_speed(plan, 1, JOB) < 101);
}

static void test_leases_shrink_towards_the_end(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 2000, .run_items = 100 });
        uint64_t item = 0;
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        while (item < 2000) {
                lease = fixture_lease(plan, 1, item * 10000);
                /* A quarter of what is left, but not less than 0.2 s. */
                CHECK(lease.end - lease.first <= MAX((2000 - item) / 4 + 1, UINT64_C(21)));
                for (; item < lease.end; item++)
                        CHECK(fixture_result(plan, 1, item, (item + 1) * 10000) == PLAN_RESULT_NEW);
        }
        CHECK(plan_job_finished(plan, JOB));
        CHECK(plan_lease(plan, 1, 0, item * 10000, &lease) == PLAN_NOTHING_LEFT);
}

static void test_runs_share_a_short_job(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 100, .run_items = 100 });

        for (uint64_t worker = 0; worker < 10; worker++)
                CHECK(plan_worker_add(plan, worker, 1, 0) == 0);
        for (uint64_t worker = 0; worker < 10; worker++)
                CHECK_EQUAL(fixture_lease(plan, worker, 0).first, worker * 10);
}

static void test_spool_bounds_what_is_given_out(void) {
        _cleanup_(plan_freep) Plan *plan =
                        fixture_plan((PlanJob) { .n_items = 1000, .run_items = 10, .spool_items_max = 5 });
        uint64_t n = 0, generation;
        PlanLease lease;

        for (uint64_t worker = 0; worker < 20; worker++) {
                CHECK(plan_worker_add(plan, worker, 1, 0) == 0);
                (void) plan_lease(plan, worker, 0, 0, &lease);
        }
        for (uint64_t worker = 0; worker < 20; worker++)
                n += plan_worker_leased(plan, worker);
        CHECK_EQUAL(n, 5);
        generation = plan_generation(plan);
        CHECK(fixture_result(plan, 0, 0, 1000) == PLAN_RESULT_NEW);
        CHECK(plan_generation(plan) != generation);
        CHECK_EQUAL(fixture_lease(plan, 19, 1000).first, 5);
}

int main(void) {
        RUN(test_new_lane_starts_with_single_items);
        RUN(test_leases_last_as_long_as_they_should);
        RUN(test_leases_shrink_towards_the_end);
        RUN(test_runs_share_a_short_job);
        RUN(test_spool_bounds_what_is_given_out);
        return tests_end();
}
