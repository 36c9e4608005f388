/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A fast worker joins when slow ones have reserved much of the job. */

#include "cluster/scenario.h"

static void test_late_joiner_takes_its_share(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(103);
        SimulatorReport report;

        simulator_add_job(s, (PlanJob) { .n_items = 2000, .run_items = 50 });
        for (unsigned i = 0; i < 4; i++)
                simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 5 });
        simulator_add_worker(s, SECONDS(50), (WorkerTraits) { .items_per_second = 100 });
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, 0) <= 1.05);
}

int main(void) {
        RUN(test_late_joiner_takes_its_share);
        return tests_end();
}
