/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A worker becomes fifteen times slower just before the end: what it has not begun is taken from it at once. */

#include "cluster/scenario.h"

static void test_items_of_the_slow_end_elsewhere(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(126);
        SimulatorReport report;
        uint64_t worker;

        simulator_add_job(s, (PlanJob) { .n_items = 8500, .run_items = 20 });
        for (unsigned i = 0; i < 17; i++)
                worker = simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10 });
        simulator_set_speed(s, SECONDS(46.75), worker, 0.675);
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, 0) <= 1.02);
}

int main(void) {
        RUN(test_items_of_the_slow_end_elsewhere);
        return tests_end();
}
