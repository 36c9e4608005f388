/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The worker that holds the frontier dies silently; the frontier must not wait for the detection. */

#include "cluster/scenario.h"

static void test_frontier_is_rescued_early(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(105);
        uint64_t job = simulator_add_job(s, (PlanJob) { .n_items = 4000, .run_items = 20 }), first;
        SimulatorReport report;

        simulator_set_detection(s, SECONDS(60));
        first = simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10 });
        for (unsigned i = 0; i < 3; i++)
                simulator_add_worker(s, 1000, (WorkerTraits) { .items_per_second = 10 });
        simulator_die(s, SECONDS(0.55), first); /* at item 5 */
        report = scenario_run(s);
        CHECK(simulator_item_accepted_at(s, job, 5) < SECONDS(20));
        CHECK(scenario_ratio(&report, 0) <= 1.10);
}

int main(void) {
        RUN(test_frontier_is_rescued_early);
        return tests_end();
}
