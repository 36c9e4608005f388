/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job is removed while its items are out: they are revoked, its late answers foreign. */

#include "cluster/scenario.h"

static void test_removed_job_frees_the_workers(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(113);
        SimulatorReport report;

        simulator_add_job(s, (PlanJob) { .n_items = 100000, .run_items = 50, .priority = 10 });
        simulator_add_job(s, (PlanJob) { .n_items = 2000, .run_items = 50 });
        simulator_remove_job(s, SECONDS(20), 1);
        for (unsigned i = 0; i < 10; i++)
                simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 5, .latency_usec = 20000 });
        report = scenario_run(s);
        CHECK(report.n_revoked >= 8);
        CHECK(simulator_job_finished_at(s, 2) < SECONDS(20 + 2000 / 50 * 1.05));
}

int main(void) {
        RUN(test_removed_job_frees_the_workers);
        return tests_end();
}
