/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who gets how much of a lane, on simulated time. */

#include "worker/schedule.h"

#include "base/macro.h"
#include "base/random.h"
#include "test.h"

#define BLOCK_USEC (USEC_PER_SEC / 2)

/* A lane and clients that always have work. */
typedef struct Stage {
        Schedule schedule;
        ScheduleOffer offers[SCHEDULE_ROWS_MAX];
        unsigned n_rows;
        usec_t now, used[SCHEDULE_ROWS_MAX], idle;
        unsigned last, n_switches;
        bool contiguous; /* each row's blocks continue one another */
} Stage;

static void stage_init(Stage *stage, unsigned n_rows, bool contiguous) {
        *stage = (Stage) { .n_rows = n_rows, .now = 1000 * USEC_PER_SEC, .last = SCHEDULE_NONE,
                           .contiguous = contiguous };
        schedule_init(&stage->schedule);
        for (unsigned i = 0; i < n_rows; i++) {
                stage->offers[i] = (ScheduleOffer) { .ready = true, .weight = 100 };
                schedule_reset(&stage->schedule, i);
        }
}

/* One block, or a rest. */
static void stage_step(Stage *stage, usec_t block_usec) {
        usec_t wake = 0;
        unsigned row;

        for (unsigned i = 0; i < stage->n_rows; i++)
                stage->offers[i].continues = stage->contiguous && i == stage->last;
        row = schedule_pick(&stage->schedule, stage->offers, stage->n_rows, stage->now, &wake);
        if (row == SCHEDULE_NONE) {
                CHECK(wake > stage->now && wake != USEC_INFINITY);
                stage->idle += wake - stage->now;
                stage->now = wake;
                return;
        }
        CHECK(stage->offers[row].ready);
        stage->n_switches += row != stage->last;
        stage->last = row;
        stage->now += block_usec;
        stage->used[row] += block_usec;
        schedule_charge(&stage->schedule, row, stage->offers[row].weight, block_usec, stage->now);
}

static void stage_run(Stage *stage, usec_t span) {
        usec_t end = stage->now + span;

        while (stage->now < end)
                stage_step(stage, BLOCK_USEC);
}

static void check_share(const Stage *stage, unsigned row, double share, double tolerance) {
        double sum = 0;

        for (unsigned i = 0; i < stage->n_rows; i++)
                sum += (double) stage->used[i];
        if ((double) stage->used[row] / sum < share - tolerance || (double) stage->used[row] / sum > share + tolerance)
                printf("# row %u got %.3f instead of %.3f\n", row, (double) stage->used[row] / sum, share);
        CHECK((double) stage->used[row] / sum >= share - tolerance);
        CHECK((double) stage->used[row] / sum <= share + tolerance);
}

static void test_shares_follow_the_weights(void) {
        static const unsigned weights[][3] = { { 100, 300, 0 }, { 1, 1, 1 }, { 1000, 1, 500 }, { 7, 11, 13 } };

        for (unsigned contiguous = 0; contiguous < 2; contiguous++)
                for (unsigned k = 0; k < ELEMENTSOF(weights); k++) {
                        Stage stage;
                        double sum = 0;

                        stage_init(&stage, weights[k][2] > 0 ? 3 : 2, contiguous);
                        for (unsigned i = 0; i < stage.n_rows; i++)
                                sum += stage.offers[i].weight = weights[k][i];
                        stage_run(&stage, 100000 * USEC_PER_SEC);
                        for (unsigned i = 0; i < stage.n_rows; i++)
                                check_share(&stage, i, weights[k][i] / sum, 0.002);
                }
}

/* A sieve that starts anew is dear: two clients take turns once in a quantum, not once in a block. */
static void test_switches_after_a_quantum_only(void) {
        Stage stage;

        stage_init(&stage, 2, true);
        stage_run(&stage, 1000 * USEC_PER_SEC);
        CHECK(stage.n_switches >= 90 && stage.n_switches <= 110);

        /* where nothing is lost, a switch is free */
        stage_init(&stage, 2, false);
        stage_run(&stage, 1000 * USEC_PER_SEC);
        CHECK(stage.n_switches >= 1900);
}

/* The quantum is as long as the starts make it. */
static void test_cheap_starts_make_short_quanta(void) {
        Stage stage;

        stage_init(&stage, 2, true);
        for (unsigned i = 0; i < 2; i++)
                schedule_started(&stage.schedule, i, USEC_PER_SEC / 20); /* a quantum of one second: two blocks */
        stage_run(&stage, 1000 * USEC_PER_SEC);
        CHECK(stage.n_switches >= 950 && stage.n_switches <= 1050);
        check_share(&stage, 0, 0.5, 0.01);

        stage_init(&stage, 2, true);
        schedule_started(&stage.schedule, 0, 0);
        schedule_started(&stage.schedule, 1, USEC_PER_HOUR);
        CHECK_EQUAL(stage.schedule.rows[0].quantum_usec, SCHEDULE_QUANTUM_MIN_USEC);
        CHECK_EQUAL(stage.schedule.rows[1].quantum_usec, SCHEDULE_QUANTUM_USEC);
        stage_run(&stage, 10000 * USEC_PER_SEC);
        check_share(&stage, 0, 0.5, 0.01);
}

static void test_serves_the_other_when_one_has_nothing(void) {
        Stage stage;
        usec_t before;

        stage_init(&stage, 2, true);
        stage_run(&stage, 3 * USEC_PER_SEC); /* in the middle of a quantum */
        stage.offers[stage.last].ready = false;
        before = stage.used[!stage.last];
        stage_step(&stage, BLOCK_USEC);
        CHECK_EQUAL(stage.used[stage.last] - before, BLOCK_USEC);
}

/* Who comes back after an hour has saved nothing. */
static void test_an_idle_row_saves_nothing(void) {
        Stage stage;

        for (unsigned entered = 0; entered < 2; entered++) {
                stage_init(&stage, 2, true);
                stage.offers[1].ready = false;
                stage_run(&stage, USEC_PER_HOUR);
                stage.offers[1].ready = true;
                if (entered)
                        schedule_enter(&stage.schedule, 1);
                stage.used[0] = stage.used[1] = 0;
                stage_run(&stage, 1000 * USEC_PER_SEC);
                check_share(&stage, 1, 0.5, 0.02);
        }
}

static void test_a_duty_cycle_holds(void) {
        static const unsigned permilles[] = { 10, 250, 500, 900 };

        for (unsigned k = 0; k < ELEMENTSOF(permilles); k++) {
                Stage stage;
                usec_t begin;

                stage_init(&stage, 1, true);
                schedule_set_duty(&stage.schedule, 0, permilles[k], stage.now);
                begin = stage.now;
                for (unsigned i = 0; i < 400; i++) {
                        stage_step(&stage, BLOCK_USEC);
                        /* never more than its share and one block */
                        CHECK(stage.used[0] <= (stage.now - begin) * permilles[k] / 1000 + BLOCK_USEC);
                }
                CHECK(stage.used[0] >= (stage.now - begin) * permilles[k] / 1000 - BLOCK_USEC);
        }
}

/* What one may not use the other gets; and with the other there, the cap is not the half of the cap. */
static void test_a_resting_row_leaves_the_lane_to_others(void) {
        Stage stage;

        stage_init(&stage, 2, true);
        schedule_set_duty(&stage.schedule, 0, 300, stage.now);
        stage_run(&stage, 10000 * USEC_PER_SEC);
        CHECK_EQUAL(stage.idle, 0);
        CHECK(stage.used[0] <= 3010 * USEC_PER_SEC);
        CHECK(stage.used[0] >= 2000 * USEC_PER_SEC);

        /* the cap is lifted: what it did not get is not made up for */
        schedule_set_duty(&stage.schedule, 0, 0, stage.now);
        stage.used[0] = stage.used[1] = 0;
        stage_run(&stage, 1000 * USEC_PER_SEC);
        check_share(&stage, 0, 0.5, 0.02);
}

static void test_nobody_ready_waits_for_ever(void) {
        Stage stage;
        usec_t wake = 0;

        stage_init(&stage, 3, true);
        for (unsigned i = 0; i < 3; i++)
                stage.offers[i].ready = false;
        CHECK(schedule_pick(&stage.schedule, stage.offers, 3, stage.now, &wake) == SCHEDULE_NONE);
        CHECK(wake == USEC_INFINITY);
}

static void test_wait_tells_when_the_turn_comes(void) {
        Stage stage;

        stage_init(&stage, 2, true);
        stage.offers[0].weight = 1;
        stage.offers[1].weight = 100;
        while (stage.used[0] == 0)
                stage_step(&stage, BLOCK_USEC);
        while (stage.last == 0)
                stage_step(&stage, BLOCK_USEC);
        /* ten seconds for the light row, so a thousand for the heavy one */
        CHECK_EQUAL(schedule_wait(&stage.schedule, stage.offers, 2, 1), 0);
        CHECK(schedule_wait(&stage.schedule, stage.offers, 2, 0) > 900 * USEC_PER_SEC);
        CHECK(schedule_wait(&stage.schedule, stage.offers, 2, 0) < 1100 * USEC_PER_SEC);
        stage_run(&stage, 985 * USEC_PER_SEC);
        CHECK_EQUAL(stage.last, 1);
        CHECK(schedule_wait(&stage.schedule, stage.offers, 2, 0) <= 30 * USEC_PER_SEC);

        /* being the current one is worth nothing without work */
        stage.offers[1].ready = false;
        while (stage.last == 1)
                stage_step(&stage, BLOCK_USEC);
        CHECK_EQUAL(schedule_wait(&stage.schedule, stage.offers, 2, 0), 0);
        stage.offers[0].ready = false;
        stage.offers[1].ready = true;
        CHECK(schedule_wait(&stage.schedule, stage.offers, 2, 0) > 0);

        /* with nobody else there, at once */
        stage.offers[1].ready = false;
        CHECK_EQUAL(schedule_wait(&stage.schedule, stage.offers, 2, 0), 0);
}

/* Clients that come, go and change their weight: nobody starves, the lane never idles. */
static void test_random_clients(void) {
        Random random;
        Stage stage;

        random_init(&random, 7919);
        stage_init(&stage, 10, true);
        for (unsigned round = 0; round < 1000; round++) {
                unsigned i = (unsigned) random_below(&random, 10);

                stage.offers[i].weight = 1 + (unsigned) random_below(&random, SCHEDULE_WEIGHT_MAX);
                stage.offers[i].ready = i == 0 || random_below(&random, 3) > 0;
                if (random_below(&random, 10) == 0)
                        schedule_reset(&stage.schedule, i);
                for (unsigned k = 0; k < 20; k++)
                        stage_step(&stage, 1 + random_below(&random, 3 * USEC_PER_SEC));
        }
        CHECK_EQUAL(stage.idle, 0);
        for (unsigned i = 0; i < 10; i++)
                CHECK(stage.used[i] > 100 * USEC_PER_SEC);
}

int main(void) {
        RUN(test_shares_follow_the_weights);
        RUN(test_switches_after_a_quantum_only);
        RUN(test_cheap_starts_make_short_quanta);
        RUN(test_serves_the_other_when_one_has_nothing);
        RUN(test_an_idle_row_saves_nothing);
        RUN(test_a_duty_cycle_holds);
        RUN(test_a_resting_row_leaves_the_lane_to_others);
        RUN(test_nobody_ready_waits_for_ever);
        RUN(test_wait_tells_when_the_turn_comes);
        RUN(test_random_clients);
        return tests_end();
}
