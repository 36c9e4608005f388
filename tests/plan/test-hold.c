/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who holds what, seen from outside: what is free again, and who is told. */

#include "fixture.h"

static void test_removed_worker_frees_its_items(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 10 });
        uint64_t generation;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        CHECK(plan_worker_add(plan, 2, 1, 0) == 0);
        CHECK_EQUAL(fixture_lease(plan, 1, 0).first, 0);
        CHECK_EQUAL(fixture_lease(plan, 2, 0).first, 1);
        generation = plan_generation(plan);
        CHECK(plan_worker_remove(plan, 1, 0) == 0);
        CHECK(plan_generation(plan) != generation);
        CHECK_EQUAL(fixture_lease(plan, 2, 0).first, 0);
        CHECK_EQUAL(plan_worker_leased(plan, 2), 2);
}

static void test_hand_back_frees_a_part(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 1000, .run_items = 100 });
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        (void) fixture_lease(plan, 1, 0);
        CHECK(fixture_result(plan, 1, 0, 100000) == PLAN_RESULT_NEW);
        lease = fixture_lease(plan, 1, 100000);
        CHECK(lease.first == 1 && lease.end > 5);
        CHECK(plan_hand_back(plan, 1, JOB, 3, 5, 100000) == 0);
        CHECK_EQUAL(plan_worker_leased(plan, 1), lease.end - 3);
        CHECK(plan_worker_add(plan, 2, 1, 100000) == 0);
        lease = fixture_lease(plan, 2, 100000);
        CHECK(lease.first == 3 && lease.end <= 5 && !lease.duplicate);
}

static void test_late_lease_is_given_to_somebody_else_too(void) {
        _cleanup_(plan_freep) Plan *plan =
                        fixture_plan((PlanJob) { .n_items = 2, .delivery = PLAN_UNORDERED });
        PlanRevocation revocation;
        PlanLease lease;
        usec_t late = 61 * USEC_PER_SEC;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        CHECK_EQUAL(fixture_lease(plan, 1, 0).first, 0);
        CHECK(plan_next_deadline(plan) <= 60 * USEC_PER_SEC);
        CHECK(plan_advance(plan, late) == 0);
        CHECK(plan_worker_add(plan, 2, 1, late) == 0);
        lease = fixture_lease(plan, 2, late);
        CHECK(lease.first == 0 && lease.duplicate);
        /* The late one was first after all. */
        CHECK(fixture_result(plan, 1, 0, late) == PLAN_RESULT_NEW);
        CHECK(plan_pop_revocation(plan, &revocation));
        CHECK(revocation.worker == 2 && revocation.first == 0 && revocation.end == 1);
        CHECK(fixture_result(plan, 2, 0, late) == PLAN_RESULT_KNOWN);
        CHECK(!plan_pop_revocation(plan, &revocation));
}

static void test_copy_keeps_the_item_when_the_first_holder_leaves(void) {
        _cleanup_(plan_freep) Plan *plan =
                        fixture_plan((PlanJob) { .n_items = 1, .delivery = PLAN_UNORDERED });
        usec_t late = 61 * USEC_PER_SEC;
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        (void) fixture_lease(plan, 1, 0);
        CHECK(plan_advance(plan, late) == 0);
        CHECK(plan_worker_add(plan, 2, 1, late) == 0);
        CHECK(fixture_lease(plan, 2, late).duplicate);
        CHECK(plan_worker_remove(plan, 1, late) == 0);
        CHECK(plan_worker_add(plan, 3, 1, late) == 0);
        CHECK(plan_lease(plan, 3, 0, late, &lease) == PLAN_WAIT);
        CHECK(plan_worker_remove(plan, 2, late) == 0);
        CHECK_EQUAL(fixture_lease(plan, 3, late).first, 0);
}

static void test_lost_item_in_a_lease_is_not_counted_twice(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 100, .run_items = 100 });
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        (void) fixture_lease(plan, 1, 0);
        CHECK(fixture_result(plan, 1, 0, 10000) == PLAN_RESULT_NEW);
        lease = fixture_lease(plan, 1, 10000);
        CHECK(lease.first == 1 && lease.end >= 5);
        CHECK(fixture_result(plan, 1, 3, 20000) == PLAN_RESULT_NEW); /* out of turn */
        CHECK(plan_job_lose(plan, JOB, 3, 4) == 0);
        CHECK_EQUAL(plan_worker_leased(plan, 1), lease.end - 1 - 1);
        CHECK(fixture_result(plan, 1, 3, 30000) == PLAN_RESULT_NEW);
        for (uint64_t item = 1; item < lease.end; item++)
                if (item != 3)
                        CHECK(fixture_result(plan, 1, item, 40000) == PLAN_RESULT_NEW);
        CHECK_EQUAL(plan_worker_leased(plan, 1), 0);
        CHECK_EQUAL(plan_job_frontier(plan, JOB), lease.end);
}

int main(void) {
        RUN(test_removed_worker_frees_its_items);
        RUN(test_hand_back_frees_a_part);
        RUN(test_late_lease_is_given_to_somebody_else_too);
        RUN(test_copy_keeps_the_item_when_the_first_holder_leaves);
        RUN(test_lost_item_in_a_lease_is_not_counted_twice);
        return tests_end();
}
