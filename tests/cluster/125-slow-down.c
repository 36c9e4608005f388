/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Half of the cluster becomes ten times slower in the middle, and fast again near the end. */

#include "cluster/scenario.h"

static void test_speeds_are_followed(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(125);
        SimulatorReport report;

        simulator_add_job(s, (PlanJob) { .n_items = 10000, .run_items = 30 });
        for (unsigned i = 0; i < 20; i++) {
                uint64_t worker = simulator_add_worker(
                                s, 0, (WorkerTraits) { .items_per_second = 5, .start_usec = 20000 });

                if (i % 2) {
                        simulator_set_speed(s, SECONDS(30), worker, 0.5);
                        simulator_set_speed(s, SECONDS(120), worker, 5);
                }
        }
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, 0) <= 1.05);
}

int main(void) {
        RUN(test_speeds_are_followed);
        return tests_end();
}
