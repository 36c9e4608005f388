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

/*
 * The results of a window come all at once, after `start_usec` and 10 ms for each; a window is one lease, the next one
 * is in hand. Returns the longest lease.
 */
static uint64_t run_windows(Plan *plan, uint64_t window_items, usec_t start_usec, unsigned n_windows) {
        PlanLease leases[2] = { fixture_lease(plan, 1, 0), fixture_lease(plan, 1, 0) };
        uint64_t n_most = 0;
        usec_t now = 0;

        for (unsigned i = 0; i < n_windows; i++) {
                PlanLease *lease = leases + i % 2;

                n_most = MAX(n_most, lease->end - lease->first);
                now += start_usec + (lease->end - lease->first) * 10000;
                for (uint64_t item = lease->first; item < lease->end; item++)
                        CHECK(fixture_result(plan, 1, item, now) == PLAN_RESULT_NEW);
                plan_lane_window(plan, 1, 0, window_items);
                *lease = fixture_lease(plan, 1, now);
        }
        return n_most;
}

static void test_leases_are_as_long_as_a_window(void) {
        static const struct {
                uint64_t window_items;
                usec_t start_usec;
                uint64_t low, high;
        } cases[] = {
                { 0, 0, 299, 301 },                      /* 3 s of 10 ms */
                { 100, 0, 299, 301 },                    /* a lease may be several windows */
                { 600, 0, 599, 601 },
                { 5000, 0, 990, 1010 },                  /* 10 s */
                { 600, 2 * USEC_PER_SEC, 590, 601 },     /* one item takes 2.01 s at first */
                { 5000, 2 * USEC_PER_SEC, 700, 850 },    /* 8 s are left for items */
                { 5000, 4 * USEC_PER_SEC, 500, 650 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 10000000, .run_items = 10000 });
                uint64_t n;

                CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
                n = run_windows(plan, cases[i].window_items, cases[i].start_usec, 100);
                printf("# case %zu: %" PRIu64 "\n", i, n);
                CHECK(n >= cases[i].low && n <= cases[i].high);
        }
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
        RUN(test_leases_are_as_long_as_a_window);
        RUN(test_leases_shrink_towards_the_end);
        RUN(test_runs_share_a_short_job);
        RUN(test_spool_bounds_what_is_given_out);
        return tests_end();
}
