/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Workers hand back all that they have not begun, again and again. */

#include "cluster/scenario.h"

static void test_handed_back_items_are_given_out_again(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(110);
        SimulatorReport report;

        simulator_add_job(s, (PlanJob) { .n_items = 4000, .run_items = 25 });
        for (unsigned i = 0; i < 10; i++) {
                uint64_t worker = simulator_add_worker(
                                s, 0, (WorkerTraits) { .items_per_second = 1 + i, .n_lanes = 2 });

                for (unsigned j = 0; j < 20; j++)
                        simulator_hand_back(s, SECONDS(1 + i * 0.1 + j), worker);
        }
        report = scenario_run(s);
        CHECK_EQUAL(report.n_known, 0); /* nothing is done twice for it */
        CHECK(scenario_ratio(&report, 0) <= 1.05);
}

static void test_leaving_politely_loses_nothing_but_the_open_items(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(110);
        SimulatorReport report;

        simulator_add_job(s, (PlanJob) { .n_items = 4000, .run_items = 25 });
        for (unsigned i = 0; i < 10; i++) {
                uint64_t worker = simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10 });

                if (i > 0)
                        simulator_leave(s, SECONDS(4.5 * i), worker);
        }
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, 0) <= 1.05);
}

int main(void) {
        RUN(test_handed_back_items_are_given_out_again);
        RUN(test_leaving_politely_loses_nothing_but_the_open_items);
        return tests_end();
}
