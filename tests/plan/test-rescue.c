/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Helping those who are behind. Two workers: 1 does an item in ten seconds, 2 in one. */

#include "fixture.h"

/* Both have done an item, at ten seconds; items 0 and 10 of twenty. The slow one holds the next two, and a
 * run. */
static Plan *slow_and_fast(void) {
        Plan *plan = fixture_plan((PlanJob) { .n_items = 20, .run_items = 10, .delivery = PLAN_UNORDERED });

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        CHECK(plan_worker_add(plan, 2, 1, 0) == 0);
        CHECK_EQUAL(fixture_lease(plan, 1, 0).first, 0);
        CHECK_EQUAL(fixture_lease(plan, 1, 0).first, 1);
        CHECK_EQUAL(fixture_lease(plan, 2, 9 * USEC_PER_SEC).first, 10);
        CHECK(fixture_result(plan, 1, 0, 10 * USEC_PER_SEC) == PLAN_RESULT_NEW);
        CHECK(fixture_result(plan, 2, 10, 10 * USEC_PER_SEC) == PLAN_RESULT_NEW);
        (void) fixture_lease(plan, 1, 10 * USEC_PER_SEC);
        return plan;
}

static void test_fast_worker_ends_up_with_most(void) {
        _cleanup_(plan_freep) Plan *plan = slow_and_fast();
        usec_t now = 10 * USEC_PER_SEC;
        PlanRevocation revocation;
        unsigned n_fast = 1;
        PlanLease lease;

        /* The slow one is silent from now on, the fast one takes what it can get. */
        while (!plan_job_finished(plan, JOB)) {
                CHECK(now < 60 * USEC_PER_SEC);
                CHECK(plan_advance(plan, now) == 0);
                if (plan_lease(plan, 2, 0, now, &lease) != PLAN_GRANTED) {
                        now += USEC_PER_SEC / 4;
                        continue;
                }
                for (uint64_t item = lease.first; item < lease.end; item++, n_fast++)
                        CHECK(fixture_result(plan, 2, item, now += USEC_PER_SEC) == PLAN_RESULT_NEW);
        }
        CHECK_EQUAL(n_fast, 19);
        CHECK(plan_pop_revocation(plan, &revocation));
        CHECK_EQUAL(revocation.worker, 1);
        CHECK_EQUAL(plan_worker_leased(plan, 1), 0);
}

/* Somebody else delivered most of a lease, and all behind it: what is left of it is found between the done items. */
static void test_sparse_lease_is_shared(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 100, .run_items = 100 });
        usec_t now = 0;
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 1, now) == 0);
        CHECK_EQUAL(fixture_lease(plan, 1, now).first, 0);
        CHECK(fixture_result(plan, 1, 0, now += USEC_PER_SEC / 10) == PLAN_RESULT_NEW);
        lease = fixture_lease(plan, 1, now);
        CHECK(lease.first == 1 && lease.end > 20);
        for (uint64_t item = 6; item < 100; item++)
                CHECK(fixture_result(plan, 99, item, now) == PLAN_RESULT_NEW);

        CHECK(plan_worker_add(plan, 2, 1, now) == 0);
        lease = fixture_lease(plan, 2, now);
        CHECK(lease.first > 1 && lease.first < 6 && !lease.duplicate);
}

static void test_item_is_not_copied_without_gain(void) {
        _cleanup_(plan_freep) Plan *plan =
                        fixture_plan((PlanJob) { .n_items = 2, .delivery = PLAN_UNORDERED });
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        CHECK(plan_worker_add(plan, 2, 1, 0) == 0);
        CHECK_EQUAL(fixture_lease(plan, 1, 0).first, 0);
        CHECK_EQUAL(fixture_lease(plan, 2, 0).first, 1);
        CHECK(fixture_result(plan, 1, 0, USEC_PER_SEC) == PLAN_RESULT_NEW);
        /* The other one, no slower as far as one knows, should be there any moment. */
        CHECK(plan_lease(plan, 1, 0, USEC_PER_SEC, &lease) == PLAN_WAIT);
        CHECK(plan_next_deadline(plan) <= 2 * USEC_PER_SEC);
        /* It was not: now a copy is worth while. */
        CHECK(plan_advance(plan, 5 * USEC_PER_SEC) == 0);
        CHECK(plan_lease(plan, 1, 0, 5 * USEC_PER_SEC, &lease) == PLAN_GRANTED);
        CHECK(lease.first == 1 && lease.duplicate);
}

static void test_worker_does_not_copy_itself(void) {
        _cleanup_(plan_freep) Plan *plan =
                        fixture_plan((PlanJob) { .n_items = 2, .delivery = PLAN_UNORDERED });
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 2, 0) == 0);
        CHECK(plan_lease(plan, 1, 0, 0, &lease) == PLAN_GRANTED);
        CHECK(plan_lease(plan, 1, 1, 0, &lease) == PLAN_GRANTED);
        CHECK(fixture_result(plan, 1, 0, USEC_PER_SEC) == PLAN_RESULT_NEW);
        CHECK(plan_lease(plan, 1, 0, 30 * USEC_PER_SEC, &lease) == PLAN_WAIT);
}

int main(void) {
        RUN(test_fast_worker_ends_up_with_most);
        RUN(test_sparse_lease_is_shared);
        RUN(test_item_is_not_copied_without_gain);
        RUN(test_worker_does_not_copy_itself);
        return tests_end();
}
