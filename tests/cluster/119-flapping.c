/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A worker leaves and returns, and dies and returns, every few seconds. */

#include "cluster/scenario.h"

static void test_flapping_worker_does_no_harm(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(119);
        SimulatorReport report;

        simulator_set_detection(s, SECONDS(5));
        simulator_add_job(s, (PlanJob) { .n_items = 3000, .run_items = 20 });
        simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10, .n_lanes = 2 });
        for (unsigned i = 0; i < 2; i++) {
                uint64_t worker = simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10 });

                for (unsigned j = 0; j < 30; j++) {
                        (i ? simulator_die : simulator_leave)(s, SECONDS(2 + 5 * j), worker);
                        simulator_return(s, SECONDS(4 + 5 * j), worker);
                }
        }
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, SECONDS(5)) <= 1.10);
}

int main(void) {
        RUN(test_flapping_worker_does_no_harm);
        return tests_end();
}
