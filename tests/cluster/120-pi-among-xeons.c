/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One very slow lane among fast ones: it may help, it must not be waited for. */

#include "cluster/scenario.h"

static void test_slow_lane_is_not_waited_for(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(120);
        SimulatorReport report;

        simulator_add_job(s, (PlanJob) { .n_items = 8000, .run_items = 50 });
        simulator_add_worker(s, 0,
                             (WorkerTraits) { .items_per_second = 1.0 / 60, .start_usec = SECONDS(10) });
        for (unsigned i = 0; i < 4; i++)
                simulator_add_worker(
                                s, 0,
                                (WorkerTraits) { .items_per_second = 5, .n_lanes = 4, .start_usec = 50000 });
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, 0) <= 1.05);
}

int main(void) {
        RUN(test_slow_lane_is_not_waited_for);
        return tests_end();
}
