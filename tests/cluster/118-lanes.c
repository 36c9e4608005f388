/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lanes come and go while the worker runs. */

#include "cluster/scenario.h"

static void test_lanes_change_while_running(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(118);
        SimulatorReport report;
        uint64_t worker = 0;

        simulator_add_job(s, (PlanJob) { .n_items = 6000, .run_items = 20 });
        for (unsigned i = 0; i < 3; i++)
                worker = simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 5, .n_lanes = 4 });
        for (unsigned i = 0; i < 30; i++)
                simulator_set_lanes(s, SECONDS(2 + 3 * i), worker, (i * 5) % 9);
        simulator_set_lanes(s, SECONDS(95), worker, 8);
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, 0) <= 1.10);
}

int main(void) {
        RUN(test_lanes_change_while_running);
        return tests_end();
}
