/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One worker with one lane: it must never wait for the master. */

#include "cluster/scenario.h"

static void test_single_worker_is_never_idle(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(101);
        uint64_t job = simulator_add_job(s, (PlanJob) { .n_items = 1000, .run_items = 100 });
        SimulatorReport report;

        simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10, .latency_usec = 5000 });
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, 0) <= 1.005);
        CHECK_EQUAL(report.n_starts, 1);
        CHECK_EQUAL(simulator_spool_most(s, job), 0);
}

int main(void) {
        RUN(test_single_worker_is_never_idle);
        return tests_end();
}
