/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All but one die at the same time, silently. */

#include "cluster/scenario.h"

static void test_one_survivor_finishes(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(104);
        SimulatorReport report;

        simulator_set_detection(s, SECONDS(10));
        simulator_add_job(s, (PlanJob) { .n_items = 3000, .run_items = 30 });
        for (unsigned i = 0; i < 20; i++) {
                uint64_t worker = simulator_add_worker(
                                s, 0, (WorkerTraits) { .items_per_second = 2, .n_lanes = 2 });

                if (i > 0)
                        simulator_die(s, SECONDS(12.3), worker);
        }
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, SECONDS(10)) <= 1.05);
}

int main(void) {
        RUN(test_one_survivor_finishes);
        return tests_end();
}
