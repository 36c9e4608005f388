/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An unordered job of another kind: the items are runs of a program, and cost what they cost. */

#include "cluster/scenario.h"

static void test_random_costs_end_together(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(122);
        uint64_t job = simulator_add_job(s, (PlanJob) { .n_items = 3000, .delivery = PLAN_UNORDERED });
        SimulatorReport report;

        simulator_vary_costs(s, job, 10);
        for (unsigned i = 0; i < 12; i++)
                simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 5 + 2 * i, .n_lanes = 2 });
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, 0) <= 1.05);
}

int main(void) {
        RUN(test_random_costs_end_together);
        return tests_end();
}
