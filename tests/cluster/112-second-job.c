/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job of high priority is added while another one runs. */

#include "cluster/scenario.h"

static void test_second_job_gets_its_share_soon(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(112);
        uint64_t a = simulator_add_job(s, (PlanJob) { .n_items = 20000, .run_items = 20 });

        simulator_start_job(s, SECONDS(40), (PlanJob) { .n_items = 3000, .run_items = 20, .priority = 9 });
        for (unsigned i = 0; i < 20; i++)
                simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10 });
        scenario_run(s);
        /* At 9/10 of 200 items a second it takes 17 s; lanes come over when their credits of 12 s end. */
        printf("# it takes %.1f s\n", (double) simulator_job_finished_at(s, 2) / USEC_PER_SEC - 40);
        CHECK(simulator_job_finished_at(s, 2) < SECONDS(40 + 17 + 12));
        CHECK(simulator_job_finished_at(s, a) < SECONDS(1.03 * 23000 / 200));
}

int main(void) {
        RUN(test_second_job_gets_its_share_soon);
        return tests_end();
}
