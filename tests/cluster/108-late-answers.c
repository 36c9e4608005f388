/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Workers stall beyond the expiry, wake, and deliver what others were given meanwhile. */

#include "cluster/scenario.h"

static void test_late_answers_are_compared_not_counted_twice(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(108);
        SimulatorReport report;

        simulator_settings(s)->expiry_minimum_usec = SECONDS(5);
        simulator_set_detection(s, SECONDS(1000));
        simulator_add_job(s, (PlanJob) { .n_items = 8000, .run_items = 20 });
        for (unsigned i = 0; i < 8; i++) {
                uint64_t worker = simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10 });

                for (unsigned j = 0; i > 0 && j < 4; j++)
                        simulator_stall(s, SECONDS(3 + i + 20 * j), worker, SECONDS(16));
        }
        report = scenario_run(s);
        CHECK_EQUAL(report.n_accepted, 8000);
        CHECK(report.n_duplicates > 0 && report.n_revoked > 0);
        CHECK(scenario_ratio(&report, 0) <= 1.10);
}

int main(void) {
        RUN(test_late_answers_are_compared_not_counted_twice);
        return tests_end();
}
