/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The master comes back with a store that has holes; old workers offer what they still have. */

#include "cluster/scenario.h"

static void test_restart_fills_the_holes(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(117);
        IntervalSet done = INTERVAL_SET_EMPTY;
        SimulatorReport report;
        uint64_t job, worker;

        CHECK(interval_set_add(&done, 0, 500) >= 0);
        CHECK(interval_set_add(&done, 520, 1000) >= 0);
        CHECK(interval_set_add(&done, 1300, 1301) >= 0);
        job = simulator_add_job_with(s, (PlanJob) { .n_items = 2000, .run_items = 20 }, &done);
        interval_set_done(&done);
        for (unsigned i = 0; i < 4; i++)
                worker = simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10 });
        for (uint64_t item = 1100; item < 1150; item++)
                simulator_offer(s, 10000, worker, job, item);
        simulator_offer(s, 10000, worker, job, 300); /* known to the store */
        report = scenario_run(s);
        CHECK_EQUAL(report.n_accepted, 2000 - 981);
        CHECK_EQUAL(report.n_known, 1);
        CHECK(simulator_item_accepted_at(s, job, 519) < SECONDS(5));
}

int main(void) {
        RUN(test_restart_fills_the_holes);
        return tests_end();
}
