/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hundreds of workers at speeds of 1:20. */

#include "cluster/scenario.h"

static void test_mixed_speeds_end_together(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(102);
        SimulatorReport report;

        simulator_add_job(s, (PlanJob) { .n_items = 60000, .run_items = 20 });
        for (unsigned i = 0; i < 300; i++)
                simulator_add_worker(s, i * 1000,
                                     (WorkerTraits) { .items_per_second = 0.2 * (1 + i % 20),
                                                     .n_lanes = 1 + i % 2,
                                                     .latency_usec = 500 + i * 10,
                                                     .start_usec = 20000 });
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, 0) <= 1.05);
        /* Copies are for the end only. */
        CHECK(report.n_duplicates < report.n_accepted / 50);
}

int main(void) {
        RUN(test_mixed_speeds_end_together);
        return tests_end();
}
