/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A real master with a real store, over real links to workers that this test plays: honest ones, liars, and some
 * that go without a word.
 */

#include <errno.h>

#include "master/stage.h"

static void test_one_worker_does_it_all(void) {
        Stage *stage = stage_new();
        PlayedWorker *worker = stage_join(stage, 1);

        CHECK_EQUAL(master_n_workers(stage->master), 1);
        worker_request(worker, 0);
        worker_finish(worker);
        CHECK_EQUAL(worker->closed_error, 0);
        CHECK_EQUAL(worker->acknowledged.n_members, N_BLOCKS);
        CHECK_EQUAL(stage_status(stage).state, MASTER_JOB_FINISHED);
        CHECK_EQUAL(stage_status(stage).totals.n_primes, N_PRIMES);
        CHECK_EQUAL(stage_status(stage).totals.n_segments, 3);
        stage_free(stage);
}

static void test_acknowledged_blocks_survive_the_master(void) {
        Stage *stage = stage_new();
        PlayedWorker *worker = stage_join(stage, 1);

        worker_request(worker, 0);
        RUN_UNTIL(stage, worker->n_leases == 1);
        worker_send(worker, stage->blocks + 0);
        worker_send(worker, stage->blocks + 4); /* never leased, and far beyond the frontier: welcome all the same */
        RUN_UNTIL(stage, worker->acknowledged.n_members == 2);
        CHECK(interval_set_contains(&worker->acknowledged, 0) && interval_set_contains(&worker->acknowledged, 4));

        /* gone without a last word */
        stage->master = master_free(stage->master);
        stage_start_master(stage);
        CHECK_EQUAL(stage_status(stage).n_blocks_at_start, 2);
        worker = stage_join(stage, 1);
        worker_request(worker, 0);
        worker_finish(worker);
        CHECK_EQUAL(stage_status(stage).totals.n_primes, N_PRIMES);
        stage_free(stage);
}

static void test_duplicates_are_acknowledged_and_stored_once(void) {
        Stage *stage = stage_new();
        PlayedWorker *a = stage_join(stage, 1), *b = stage_join(stage, 1);

        for (unsigned i = 0; i < 3; i++) {
                worker_send(a, stage->blocks + 0);
                worker_send(b, stage->blocks + 0);
        }
        RUN_UNTIL(stage, a->acknowledged.n_members == 1 && b->acknowledged.n_members == 1);
        CHECK_EQUAL(stage_status(stage).n_blocks_present, 1);
        CHECK_EQUAL(stage_status(stage).n_disagreements, 0);
        stage_free(stage);
}

/* Block 0 with one prime less, and everything else about it right. */
static MessageBlock wrong_block(Stage *stage, uint8_t *packed) {
        _cleanup_free_ uint8_t *bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        Packer *packer = packer_new();
        MessageBlock block = stage->blocks[0];
        PackCodec codec;

        CHECK(bitmap && packer);
        CHECK(pack_unpack(packer, block.codec, stage->grid.from, block.packed.data, block.packed.size, bitmap,
                          GRID_BLOCK_BYTES_MAX) >= 0);
        CHECK(bitmap[1] & 1); /* 31 */
        bitmap[1] &= 0xfe;
        CHECK(pack_bitmap(packer, stage->grid.from, bitmap, GRID_BLOCK_BYTES_MAX, packed,
                          pack_bound(GRID_BLOCK_BYTES_MAX), &codec, &block.packed.size) >= 0);
        block.codec = (uint8_t) codec;
        block.packed.data = packed;
        block.count--;
        checksum_sha256(bitmap, GRID_BLOCK_BYTES_MAX, block.digest);
        packer_free(packer);
        return block;
}

static void test_a_different_late_answer_is_noticed(void) {
        Stage *stage = stage_new();
        _cleanup_free_ uint8_t *packed = malloc(pack_bound(GRID_BLOCK_BYTES_MAX));
        MessageBlock wrong = wrong_block(stage, packed);
        PlayedWorker *a = stage_join(stage, 1), *b = stage_join(stage, 1);

        worker_send(a, stage->blocks + 0);
        RUN_UNTIL(stage, a->acknowledged.n_members == 1);
        worker_send(b, &wrong);
        RUN_UNTIL(stage, b->acknowledged.n_members == 1);
        CHECK_EQUAL(stage_status(stage).n_disagreements, 1);
        worker_request(b, 0);
        worker_finish(b);
        CHECK_EQUAL(stage_status(stage).totals.n_primes, N_PRIMES); /* the first stays */
        stage_free(stage);
}

static void test_a_liar_is_turned_away_and_its_work_goes_on(void) {
        Stage *stage = stage_new();
        PlayedWorker *liar = stage_join(stage, 1), *honest = stage_join(stage, 1);
        MessageBlock lie = stage->blocks[0];

        worker_request(liar, 0);
        RUN_UNTIL(stage, interval_set_contains(&liar->leased, 0));
        lie.count++;
        worker_send(liar, &lie);
        RUN_UNTIL(stage, liar->closed);
        CHECK_EQUAL(liar->closed_error, -EACCES);
        worker_request(honest, 0);
        worker_finish(honest);
        CHECK_EQUAL(stage_status(stage).totals.n_primes, N_PRIMES);
        stage_free(stage);
}

static void test_work_of_the_vanished_is_given_away(void) {
        Stage *stage = stage_new();
        PlayedWorker *vanishes = stage_join(stage, 1), *stays = stage_join(stage, 1);

        worker_request(vanishes, 0);
        RUN_UNTIL(stage, interval_set_contains(&vanishes->leased, 0));
        vanishes->link = link_free(vanishes->link);
        worker_request(stays, 0);
        worker_finish(stays);
        CHECK_EQUAL(stage_status(stage).totals.n_primes, N_PRIMES);
        stage_free(stage);
}

static void test_handed_back_work_is_given_away(void) {
        Stage *stage = stage_new();
        PlayedWorker *leaves = stage_join(stage, 1), *stays = stage_join(stage, 1);
        const WireInterval all = { 0, N_BLOCKS };

        worker_request(leaves, 0);
        RUN_UNTIL(stage, interval_set_contains(&leaves->leased, 0));
        CHECK(link_send(leaves->link, &(Message) {
                .type = MESSAGE_HAND_BACK,
                .hand_back = { .job = leaves->job, .n_intervals = 1, .intervals = &all },
        }) >= 0);
        worker_request(stays, 0);
        worker_finish(stays);
        CHECK_EQUAL(stage_status(stage).totals.n_primes, N_PRIMES);
        stage_free(stage);
}

static void test_blocks_of_an_unknown_job_are_not_wanted(void) {
        Stage *stage = stage_new();
        PlayedWorker *worker = stage_join(stage, 1);
        MessageBlock block = stage->blocks[0];

        block.job = worker->job + 1;
        worker_send(worker, &block);
        RUN_UNTIL(stage, worker->acknowledged.n_members == 1);
        CHECK_EQUAL(stage_status(stage).n_blocks_present, 0);
        stage_free(stage);
}

static void test_broken_rules_end_the_session(void) {
        Stage *stage = stage_new();
        PlayedWorker *unknown_lane = stage_join(stage, 1), *twice = stage_join(stage, 2);

        worker_request(unknown_lane, 1);
        RUN_UNTIL(stage, unknown_lane->closed);
        CHECK_EQUAL(unknown_lane->closed_error, -EPROTO);

        CHECK(link_send(twice->link, &(Message) {
                .type = MESSAGE_HELLO,
                .hello = { .version_max = WIRE_VERSION_MAX, .name = "again", .program = "test", .n_lanes = 1 },
        }) >= 0);
        RUN_UNTIL(stage, twice->closed);
        CHECK_EQUAL(twice->closed_error, -EPROTO);
        stage_free(stage);
}

/*
 * One lane is slow, the other takes over what it has not begun. The worker drops revoked blocks on all lanes, so
 * the REVOKE must come before the LEASE that gives the same blocks to the fast lane; else nobody computes them.
 */
static void test_a_steal_within_one_worker_loses_nothing(void) {
        static const usec_t pace_usec[2] = { 400 * USEC_PER_MSEC, 10 * USEC_PER_MSEC };
        Stage *stage = stage_new();
        PlayedWorker *worker = stage_join(stage, 2);
        usec_t due[2] = {}, end = clock_now_usec() + 40 * USEC_PER_SEC;

        while (!worker->closed && sd_event_get_state(stage->event) != SD_EVENT_FINISHED) {
                CHECK(clock_now_usec() < end); /* a lost lease expires after a minute */
                for (unsigned lane = 0; lane < 2; lane++) {
                        usec_t now = clock_now_usec();
                        Interval lease;

                        if (!worker->lane_waits[lane] && worker->lane_leased[lane].n_members < 3) {
                                worker_request(worker, (uint16_t) lane);
                                worker->lane_waits[lane] = true;
                        }
                        if (!interval_set_next(worker->lane_leased + lane, 0, &lease))
                                due[lane] = now + pace_usec[lane];
                        else if (now >= due[lane]) {
                                worker_send(worker, stage->blocks + lease.first);
                                CHECK(interval_set_remove(worker->lane_leased + lane, lease.first,
                                                          lease.first + 1) >= 0);
                                due[lane] = now + pace_usec[lane];
                        }
                }
                CHECK(sd_event_run(stage->event, 2 * USEC_PER_MSEC) >= 0);
        }
        CHECK(worker->n_revokes > 0); /* else this test shows nothing */
        CHECK_EQUAL(stage_status(stage).totals.n_primes, N_PRIMES);
        stage_free(stage);
}

/* A worker from the future, which does not speak our version any more. */
static void test_an_unknown_version_is_turned_away(void) {
        Stage *stage = stage_new();
        PlayedWorker *worker = stage_connect(stage);

        CHECK(link_send(worker->link, &(Message) {
                .type = MESSAGE_HELLO,
                .hello = { .version_min = WIRE_VERSION_MAX + 1, .version_max = WIRE_VERSION_MAX + 3,
                           .name = "future", .program = "primed-worker 99", .n_lanes = 1 },
        }) >= 0);
        RUN_UNTIL(stage, worker->closed);
        CHECK_EQUAL(worker->closed_error, -EPROTONOSUPPORT);
        CHECK(!worker->welcome);
        CHECK_EQUAL(master_n_workers(stage->master), 0);
        stage_free(stage);
}

static void test_stop_keeps_what_has_arrived(void) {
        Stage *stage = stage_new();
        PlayedWorker *worker = stage_join(stage, 1);

        worker_send(worker, stage->blocks + 0);
        RUN_UNTIL(stage, stage_status(stage).n_blocks_present == 1);
        master_stop(stage->master);
        RUN_UNTIL(stage, worker->closed);
        CHECK_EQUAL(worker->closed_error, 0);
        CHECK_EQUAL(worker->acknowledged.n_members, 1);
        stage->master = master_free(stage->master);
        sd_event_unref(stage->event);
        link_free(worker->link);
        worker->link = NULL;
        CHECK(sd_event_new(&stage->event) >= 0);
        stage_start_master(stage);
        CHECK_EQUAL(stage_status(stage).n_blocks_at_start, 1);
        stage_free(stage);
}

int main(void) {
        RUN(test_one_worker_does_it_all);
        RUN(test_acknowledged_blocks_survive_the_master);
        RUN(test_duplicates_are_acknowledged_and_stored_once);
        RUN(test_a_different_late_answer_is_noticed);
        RUN(test_a_liar_is_turned_away_and_its_work_goes_on);
        RUN(test_work_of_the_vanished_is_given_away);
        RUN(test_handed_back_work_is_given_away);
        RUN(test_blocks_of_an_unknown_job_are_not_wanted);
        RUN(test_broken_rules_end_the_session);
        RUN(test_a_steal_within_one_worker_loses_nothing);
        RUN(test_an_unknown_version_is_turned_away);
        RUN(test_stop_keeps_what_has_arrived);
        return tests_end();
}
