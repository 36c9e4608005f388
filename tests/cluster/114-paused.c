/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job is paused and resumed; what was given out is taken back, and only what is on its way still comes in. */

#include "cluster/scenario.h"

static void test_paused_job_rests(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(114);
        uint64_t job = simulator_add_job(s, (PlanJob) { .n_items = 2000, .run_items = 50 }), n;

        for (unsigned i = 0; i < 5; i++)
                simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10 });
        simulator_pause(s, SECONDS(10), job, true);
        simulator_pause(s, SECONDS(100), job, false);
        CHECK(simulator_run(s, SECONDS(11)));
        n = simulator_job_accepted(s, job);
        CHECK(n > 450 && n <= 510);
        CHECK(!plan_has_work(simulator_plan(s)));
        CHECK(simulator_run(s, SECONDS(99)));
        CHECK_EQUAL(simulator_job_accepted(s, job), n);
        scenario_run(s);
        CHECK(simulator_job_finished_at(s, job) < SECONDS(100 + (2000 - n) / 50 + 2));
}

int main(void) {
        RUN(test_paused_job_rests);
        return tests_end();
}
