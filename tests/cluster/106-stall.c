/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A worker stalls for two minutes, shorter than anybody would notice, holding items at the end. */

#include "cluster/scenario.h"

static void test_stalled_items_are_copied(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(106);
        SimulatorReport report;
        uint64_t worker;

        simulator_set_detection(s, SECONDS(600));
        simulator_add_job(s, (PlanJob) { .n_items = 600, .run_items = 20 });
        for (unsigned i = 0; i < 4; i++)
                worker = simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 5 });
        simulator_stall(s, SECONDS(20), worker, SECONDS(120));
        report = scenario_run(s);
        CHECK(scenario_ratio(&report, 0) <= 1.10);
        CHECK(report.n_duplicates > 0);
}

static void test_stalled_items_expire(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(106);
        PlanJob spec = { .n_items = 20000, .run_items = 20, .delivery = PLAN_UNORDERED };
        uint64_t job = simulator_add_job(s, spec), worker;

        simulator_set_detection(s, SECONDS(6000));
        worker = simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10 });
        for (unsigned i = 0; i < 3; i++)
                simulator_add_worker(s, 1000, (WorkerTraits) { .items_per_second = 10 });
        simulator_stall(s, SECONDS(0.55), worker, SECONDS(300));
        scenario_run(s);
        /* Long before the end, after the minimum of a minute and one run of somebody else. */
        CHECK(simulator_item_accepted_at(s, job, 5) >= SECONDS(60));
        CHECK(simulator_item_accepted_at(s, job, 5) < SECONDS(70));
}

int main(void) {
        RUN(test_stalled_items_are_copied);
        RUN(test_stalled_items_expire);
        return tests_end();
}
