/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every third answer comes twice. */

#include "cluster/scenario.h"

static void test_second_answers_are_known(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(107);
        SimulatorReport report;

        simulator_add_job(s, (PlanJob) { .n_items = 5000, .run_items = 20 });
        for (unsigned i = 0; i < 10; i++)
                simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 1 + i, .p_twice = 0.33 });
        report = scenario_run(s);
        CHECK_EQUAL(report.n_accepted, 5000);
        CHECK(report.n_known > 1500 && report.n_known < 1850);
        CHECK(scenario_ratio(&report, 0) <= 1.05);
}

int main(void) {
        RUN(test_second_answers_are_known);
        return tests_end();
}
