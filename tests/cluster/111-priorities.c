/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two endless jobs with priorities of 3:1. */

#include "cluster/scenario.h"

static void test_shares_follow_priorities(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(111);
        uint64_t a = simulator_add_job(s, (PlanJob) { .n_items = 500000,
                                                     .run_items = 10,
                                                     .priority = 3,
                                                     .delivery = PLAN_UNORDERED });
        uint64_t b = simulator_add_job(s, (PlanJob) { .n_items = 500000, .run_items = 10, .priority = 1 });
        double ratio;

        for (unsigned i = 0; i < 20; i++)
                simulator_add_worker(s, 0,
                                     (WorkerTraits) { .items_per_second = 1 + i, .n_lanes = 1 + i % 3 });
        CHECK(simulator_run(s, SECONDS(600)));
        ratio = (double) simulator_job_busy(s, a) / simulator_job_busy(s, b);
        printf("# worker time %.3f : 1\n", ratio);
        CHECK(ratio > 2.85 && ratio < 3.15);
}

static void test_one_lane_serves_both(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(111);
        uint64_t a = simulator_add_job(s, (PlanJob) { .n_items = 100000, .run_items = 10, .priority = 3 });
        uint64_t b = simulator_add_job(s, (PlanJob) { .n_items = 100000, .run_items = 10, .priority = 1 });
        double ratio;

        simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10, .start_usec = 100000 });
        CHECK(simulator_run(s, SECONDS(1200)));
        ratio = (double) simulator_job_busy(s, a) / simulator_job_busy(s, b);
        printf("# worker time %.3f : 1\n", ratio);
        CHECK(ratio > 2.7 && ratio < 3.3);
}

int main(void) {
        RUN(test_shares_follow_priorities);
        RUN(test_one_lane_serves_both);
        return tests_end();
}
