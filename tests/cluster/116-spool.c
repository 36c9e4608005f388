/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A small spool and a straggler at the frontier. */

#include "cluster/scenario.h"

static void test_straggler_does_not_block_the_spool(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(116);
        uint64_t job = simulator_add_job(
                        s, (PlanJob) { .n_items = 20000, .run_items = 50, .spool_items_max = 1000 });
        SimulatorReport report;

        simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 0.1 }); /* gets item 0 */
        for (unsigned i = 0; i < 10; i++)
                simulator_add_worker(s, 1000, (WorkerTraits) { .items_per_second = 10 });
        report = scenario_run(s);
        CHECK(simulator_spool_most(s, job) <= 1000);
        CHECK(scenario_ratio(&report, 0) <= 1.05);
}

static void test_tiny_spool_still_moves(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(116);
        PlanJob spec = { .n_items = 500, .run_items = 50, .spool_items_max = 1 };
        uint64_t job = simulator_add_job(s, spec);

        for (unsigned i = 0; i < 10; i++)
                simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 1 + i });
        scenario_run(s);
        CHECK(simulator_spool_most(s, job) <= 1);
}

int main(void) {
        RUN(test_straggler_does_not_block_the_spool);
        RUN(test_tiny_spool_still_moves);
        return tests_end();
}
