/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Equal events, times and seeds give equal answers. */

#include "cluster/scenario.h"

static uint64_t digest(uint64_t seed, double death_seconds) {
        _cleanup_(simulator_freep) Simulator *s = simulator_new(seed);

        simulator_set_detection(s, SECONDS(3));
        simulator_add_job(s, (PlanJob) { .n_items = 2000, .run_items = 20, .spool_items_max = 1000 });
        simulator_add_job(s, (PlanJob) { .n_items = 1000, .delivery = PLAN_UNORDERED, .priority = 2 });
        for (unsigned i = 0; i < 10; i++) {
                uint64_t worker = simulator_add_worker(s, 0,
                                                       (WorkerTraits) { .items_per_second = 1 + i,
                                                                       .n_lanes = 2,
                                                                       .p_twice = 0.1,
                                                                       .p_late = 0.1,
                                                                       .late_usec = 100000 });

                if (i % 3 == 0)
                        simulator_die(s, SECONDS(death_seconds + i), worker);
        }
        return scenario_run(s).digest;
}

static void test_equal_seeds_give_equal_answers(void) {
        for (uint64_t seed = 1; seed <= 5; seed++)
                CHECK(digest(seed, 2) == digest(seed, 2));
}

static void test_digest_sees_differences(void) {
        CHECK(digest(1, 2) != digest(2, 2));
        CHECK(digest(1, 2) != digest(1, 2.5));
}

int main(void) {
        RUN(test_equal_seeds_give_equal_answers);
        RUN(test_digest_sees_differences);
        return tests_end();
}
