/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Workers are declared dead, go on, answer, and join again. */

#include "cluster/scenario.h"

static void test_answers_of_the_dead_count(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(109);
        SimulatorReport report;

        simulator_set_detection(s, SECONDS(4));
        simulator_add_job(s, (PlanJob) { .n_items = 3000, .run_items = 10 });
        for (unsigned i = 0; i < 10; i++) {
                uint64_t worker = simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 4 });

                if (i > 0)
                        simulator_stall(s, SECONDS(10 + i), worker, SECONDS(3 + i));
        }
        report = scenario_run(s);
        CHECK_EQUAL(report.n_accepted, 3000);
        CHECK(report.n_known > 0);
        CHECK(scenario_ratio(&report, SECONDS(4)) <= 1.10);
}

int main(void) {
        RUN(test_answers_of_the_dead_count);
        return tests_end();
}
