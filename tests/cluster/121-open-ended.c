/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job without an end: runs and leases stay bounded, the frontier moves, removal ends it. */

#include "cluster/scenario.h"

static void test_open_job_runs_until_removed(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(121);
        uint64_t job = simulator_add_job(s, (PlanJob) { .n_items = UINT64_C(1) << 62, .run_items = 20 });

        for (unsigned i = 0; i < 10; i++)
                simulator_add_worker(s, 0,
                                     (WorkerTraits) { .items_per_second = 1 + 2 * i, .start_usec = 10000 });
        CHECK(simulator_run(s, SECONDS(1000)));
        CHECK(simulator_job_accepted(s, job) > 0.99 * 1000 * 100);
        CHECK(plan_job_frontier(simulator_plan(s), job) > 0.96 * simulator_job_accepted(s, job));
        CHECK(!plan_job_finished(simulator_plan(s), job));
        simulator_remove_job(s, SECONDS(1000), job);
        scenario_run(s);
        CHECK(!plan_has_work(simulator_plan(s)));
}

int main(void) {
        RUN(test_open_job_runs_until_removed);
        return tests_end();
}
