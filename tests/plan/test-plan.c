/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract of plan.h at its edges. */

#include <errno.h>

#include "fixture.h"

static void test_unknown_names_are_refused(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 10 });
        PlanLease lease;

        CHECK(plan_job_add(plan, &(PlanJob) { .id = JOB, .n_items = 1 }, NULL) == -EEXIST);
        CHECK(plan_job_remove(plan, 99) == -ENOENT);
        CHECK(plan_job_pause(plan, 99, true, 0) == -ENOENT);
        CHECK(plan_job_set_priority(plan, 99, 1) == -ENOENT);
        CHECK(plan_job_lose(plan, 99, 0, 1) == -ENOENT);
        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        CHECK(plan_worker_add(plan, 1, 1, 0) == -EEXIST);
        CHECK(plan_worker_remove(plan, 2, 0) == -ENOENT);
        CHECK(plan_worker_set_lanes(plan, 2, 1, 0) == -ENOENT);
        CHECK(plan_hand_back(plan, 2, JOB, 0, 1, 0) == -ENOENT);
        CHECK(plan_hand_back(plan, 1, 99, 0, 1, 0) == -ENOENT);
        CHECK(plan_lease(plan, 2, 0, 0, &lease) == PLAN_WORKER_UNKNOWN);
        CHECK(plan_lease(plan, 1, 1, 0, &lease) == PLAN_WORKER_UNKNOWN);
        CHECK(plan_job_done(plan, 99) == NULL);
        CHECK(plan_job_frontier(plan, 99) == 0 && !plan_job_finished(plan, 99));
        CHECK(plan_worker_speed(plan, 1, JOB) == 0 && plan_worker_leased(plan, 2) == 0);
}

static void test_anybody_may_answer(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 3 });
        PlanVerdict verdict;

        CHECK(fixture_result(plan, 555, 1, 0) == PLAN_RESULT_NEW);
        CHECK(fixture_result(plan, 556, 1, 0) == PLAN_RESULT_KNOWN);
        CHECK(fixture_result(plan, 556, 3, 0) == PLAN_RESULT_FOREIGN);
        CHECK(plan_result(plan, 556, 99, 0, 0, &verdict) == 0);
        CHECK(verdict == PLAN_RESULT_FOREIGN);
        CHECK_EQUAL(plan_job_frontier(plan, JOB), 0);
        CHECK(fixture_result(plan, 556, 0, 0) == PLAN_RESULT_NEW);
        CHECK_EQUAL(plan_job_frontier(plan, JOB), 2);
}

static void test_removed_job_is_revoked(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 3 });
        PlanRevocation revocation;
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        lease = fixture_lease(plan, 1, 0);
        CHECK(plan_job_remove(plan, JOB) == 0);
        CHECK(plan_pop_revocation(plan, &revocation));
        CHECK(revocation.job == JOB && revocation.first == lease.first && revocation.end == lease.end);
        CHECK(fixture_result(plan, 1, 0, 0) == PLAN_RESULT_FOREIGN);
        CHECK(plan_lease(plan, 1, 0, 0, &lease) == PLAN_NOTHING_LEFT);
}

static void test_paused_job_is_not_worked_at(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 30 });
        uint64_t generation;
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        CHECK(plan_job_pause(plan, JOB, true, 0) == 0);
        CHECK(!plan_has_work(plan));
        CHECK(plan_lease(plan, 1, 0, 0, &lease) == PLAN_NOTHING_LEFT);
        generation = plan_generation(plan);
        CHECK(plan_job_pause(plan, JOB, false, 0) == 0);
        CHECK(plan_generation(plan) != generation);
        (void) fixture_lease(plan, 1, 0);
}

static void test_pause_takes_back(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 1000, .run_items = 500 });
        PlanJob other = { .id = 8, .n_items = 100, .priority = 100, .run_items = 1, .spool_items_max = UINT64_MAX };
        PlanRevocation revocation;
        PlanLease lease, again;
        uint64_t n_revoked = 0;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        CHECK(plan_worker_add(plan, 2, 1, 0) == 0);
        lease = fixture_lease(plan, 1, 0);
        CHECK_EQUAL(lease.first, 0);
        (void) fixture_lease(plan, 2, 0);
        CHECK(plan_job_add(plan, &other, NULL) == 0);
        CHECK(fixture_result(plan, 1, 0, 1) == PLAN_RESULT_NEW);

        CHECK(plan_job_pause(plan, JOB, true, 2) == 0);
        CHECK_EQUAL(plan_worker_leased(plan, 1), 0);
        CHECK_EQUAL(plan_worker_leased(plan, 2), 0);
        while (plan_pop_revocation(plan, &revocation)) {
                CHECK_EQUAL(revocation.job, JOB);
                n_revoked += revocation.end - revocation.first;
        }
        CHECK(n_revoked > 0);
        CHECK(fixture_lease(plan, 1, 3).job == 8);

        /* What was on its way counts, and nothing is forgotten. */
        CHECK(fixture_result(plan, 1, 1, 4) == PLAN_RESULT_NEW);
        CHECK(plan_job_remove(plan, 8) == 0);
        CHECK(plan_job_pause(plan, JOB, false, 5) == 0);
        again = fixture_lease(plan, 2, 5);
        CHECK_EQUAL(again.job, JOB);
        CHECK_EQUAL(again.first, 2);
}

/* The run of the old job, and the lane's credit for it, last for hours. */
static void test_urgent_job_does_not_wait(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 100000, .run_items = 50000 });
        PlanJob urgent = { .id = 8, .n_items = 100, .priority = 100, .run_items = 1, .spool_items_max = UINT64_MAX };
        usec_t now = 0;
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 1, now) == 0);
        for (uint64_t item = 0; item < 20;) {
                lease = fixture_lease(plan, 1, now);
                for (; item < lease.end; item++) {
                        now += USEC_PER_SEC;
                        CHECK(fixture_result(plan, 1, item, now) == PLAN_RESULT_NEW);
                }
        }
        CHECK(fixture_lease(plan, 1, now).job == JOB);
        CHECK(plan_job_add(plan, &urgent, NULL) == 0);
        CHECK(fixture_lease(plan, 1, now).job == 8);
}

static void test_resumed_job_does_not_wait(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 100000, .run_items = 50000 });
        PlanJob urgent = { .id = 8, .n_items = 100, .priority = 100, .run_items = 1, .spool_items_max = UINT64_MAX };

        CHECK(plan_job_add(plan, &urgent, NULL) == 0);
        CHECK(plan_job_pause(plan, 8, true, 0) == 0);
        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        CHECK(fixture_lease(plan, 1, 0).job == JOB);
        CHECK(plan_job_pause(plan, 8, false, 0) == 0);
        CHECK(fixture_lease(plan, 1, 0).job == 8);
}

static void test_finished_job_wakes_who_waits(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 1 });
        uint64_t generation;
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 1, 0) == 0);
        CHECK(plan_worker_add(plan, 2, 1, 0) == 0);
        (void) fixture_lease(plan, 1, 0);
        CHECK(plan_lease(plan, 2, 0, 0, &lease) == PLAN_WAIT);
        generation = plan_generation(plan);
        CHECK(fixture_result(plan, 1, 0, 1000) == PLAN_RESULT_NEW);
        CHECK(plan_generation(plan) != generation);
        CHECK(plan_lease(plan, 2, 0, 1000, &lease) == PLAN_NOTHING_LEFT);
}

static void test_lanes_can_be_none(void) {
        _cleanup_(plan_freep) Plan *plan = fixture_plan((PlanJob) { .n_items = 5 });
        PlanLease lease;

        CHECK(plan_worker_add(plan, 1, 0, 0) == 0);
        CHECK(plan_lease(plan, 1, 0, 0, &lease) == PLAN_WORKER_UNKNOWN);
        CHECK(plan_worker_set_lanes(plan, 1, 2, 0) == 0);
        CHECK(plan_lease(plan, 1, 1, 0, &lease) == PLAN_GRANTED);
        CHECK(plan_worker_set_lanes(plan, 1, 0, 0) == 0);
        CHECK_EQUAL(plan_worker_leased(plan, 1), 0);
        CHECK(plan_worker_set_lanes(plan, 1, 1, 0) == 0);
        CHECK_EQUAL(fixture_lease(plan, 1, 0).first, 0);
}

int main(void) {
        RUN(test_unknown_names_are_refused);
        RUN(test_anybody_may_answer);
        RUN(test_removed_job_is_revoked);
        RUN(test_paused_job_is_not_worked_at);
        RUN(test_pause_takes_back);
        RUN(test_urgent_job_does_not_wait);
        RUN(test_resumed_job_does_not_wait);
        RUN(test_finished_job_wakes_who_waits);
        RUN(test_lanes_can_be_none);
        return tests_end();
}
