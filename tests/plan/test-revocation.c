/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "plan/revocation.h"
#include "test.h"

static void push(Revocations *revocations, uint64_t worker, uint64_t first, uint64_t end) {
        CHECK(revocations_push(revocations, &(PlanRevocation) { worker, 1, first, end }) == 0);
}

static void test_neighbours_become_one(void) {
        Revocations revocations = {};
        PlanRevocation revocation;

        push(&revocations, 1, 5, 6);
        push(&revocations, 1, 6, 7);
        push(&revocations, 1, 3, 5);
        push(&revocations, 2, 7, 8);
        CHECK(revocations_pop(&revocations, &revocation));
        CHECK(revocation.worker == 1 && revocation.first == 3 && revocation.end == 7);
        CHECK(revocations_pop(&revocations, &revocation));
        CHECK(revocation.worker == 2);
        CHECK(!revocations_pop(&revocations, &revocation));
        revocations_done(&revocations);
}

static void test_order_is_kept_over_many(void) {
        Revocations revocations = {};
        PlanRevocation revocation;
        uint64_t pushed = 0, popped = 0;

        for (unsigned round = 0; round < 100; round++) {
                for (unsigned i = 0; i < 10; i++, pushed++)
                        push(&revocations, pushed, 0, 1);
                for (unsigned i = 0; i < 9; i++, popped++) {
                        CHECK(revocations_pop(&revocations, &revocation));
                        CHECK_EQUAL(revocation.worker, popped);
                }
        }
        while (revocations_pop(&revocations, &revocation))
                CHECK_EQUAL(revocation.worker, popped++);
        CHECK_EQUAL(popped, pushed);
        revocations_done(&revocations);
}

static void test_worker_is_forgotten(void) {
        Revocations revocations = {};
        PlanRevocation revocation;

        push(&revocations, 1, 0, 1);
        push(&revocations, 2, 0, 1);
        push(&revocations, 1, 5, 6);
        revocations_forget_worker(&revocations, 1);
        CHECK(revocations_pop(&revocations, &revocation));
        CHECK_EQUAL(revocation.worker, 2);
        CHECK(!revocations_pop(&revocations, &revocation));
        revocations_done(&revocations);
}

int main(void) {
        RUN(test_neighbours_become_one);
        RUN(test_order_is_kept_over_many);
        RUN(test_worker_is_forgotten);
        return tests_end();
}
