/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A thousand workers join within ten seconds. */

#include "cluster/scenario.h"

static void test_thousand_workers(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(123);
        SimulatorReport report;

        simulator_add_job(s, (PlanJob) { .n_items = 200000, .run_items = 20 });
        for (unsigned i = 0; i < 1000; i++)
                simulator_add_worker(s, i * 10000,
                                     (WorkerTraits) { .items_per_second = 1 + i % 7,
                                                     .n_lanes = 1 + i % 2,
                                                     .latency_usec = 1000 + i,
                                                     .start_usec = 5000 });
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, 0) <= 1.05);
}

int main(void) {
        RUN(test_thousand_workers);
        return tests_end();
}
