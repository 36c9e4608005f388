/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accepted items turn out to be lost: they are holes and go first. */

#include "cluster/scenario.h"

static void test_holes_go_first(void) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(115);
        uint64_t job = simulator_add_job(s, (PlanJob) { .n_items = 5000, .run_items = 20 });

        for (unsigned i = 0; i < 5; i++)
                simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 10 });
        simulator_lose(s, SECONDS(50), job, 100, 103);
        simulator_lose(s, SECONDS(51), job, 777, 778);
        simulator_lose(s, SECONDS(98), job, 0, 2);
        simulator_lose(s, SECONDS(200), job, 4999, 5000); /* long after the end */
        CHECK(simulator_run(s, SECONDS(99)));
        CHECK(simulator_item_accepted_at(s, job, 102) < SECONDS(60));
        CHECK(simulator_item_accepted_at(s, job, 777) < SECONDS(60));
        scenario_run(s);
        CHECK(simulator_item_accepted_at(s, job, 1) < SECONDS(107));
        CHECK(simulator_item_accepted_at(s, job, 4999) < SECONDS(202));
}

int main(void) {
        RUN(test_holes_go_first);
        return tests_end();
}
