/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What stores keep, and what happens when there is no room for them: work stops or old bitmaps go, and nothing that was
 * found is lost.
 */

#include "faults/faulty-disk.h"
#include "master/stage.h"

#define SIZE (UINT64_C(1000) << 20)
#define MAX_USE (UINT64_C(1400) << 10) /* three blocks, not four */
#define LOOK_USEC (1100 * USEC_PER_MSEC) /* so long, the room is not looked at again */

static int add_job(Stage *stage, const char *name, bool second) {
        _cleanup_mpz_ mpz_t end;
        char path[128];

        mpz_init(end);
        number_set_u64(end, (N_BLOCKS + N_SECOND) * GRID_BLOCK_LENGTH_MAX);
        (void) snprintf(path, sizeof path, "%s/%s", stage->folder, name);
        return master_add_job(stage->master, &(MasterJobSettings) {
                .name = name,
                .from = second ? stage->grid.to : stage->grid.from,
                .to = second ? end : stage->grid.to,
                .store_path = path,
                .store_options = { .segment_blocks = 2 },
        }, NULL);
}

/* A master with the job "first" on a disk of SIZE bytes that is empty. */
static Stage *stage_with_rules(const MasterRules *rules, FaultyDisk *faulty) {
        Stage *stage = stage_new_bare();

        faulty_disk_init(faulty, 0, 0, 0);
        faulty->size = faulty->available = SIZE;
        CHECK(master_new(stage->event,
                         &(MasterSettings) { .name = "test", .disk = &faulty->disk, .rules = *rules },
                         &stage->master, NULL) >= 0);
        CHECK(add_job(stage, "first", false) >= 0);
        return stage;
}

static MasterJobState job_state(const Stage *stage) {
        return job_status(stage, "first").state;
}

static uint64_t job_bytes(const Stage *stage, const char *name) {
        return job_status(stage, name).totals.segment_bytes;
}

/* Sends blocks [first, end) of the job "first", and waits until they are durable. */
static void send_blocks(Stage *stage, PlayedWorker *worker, uint64_t first, uint64_t end) {
        for (uint64_t b = first; b < end; b++) {
                MessageBlock block = stage->blocks[b];

                block.job = job_status(stage, "first").id;
                worker_send(worker, &block);
        }
        RUN_UNTIL(stage, interval_set_count(&worker_job(worker, job_status(stage, "first").id)->acknowledged, first,
                                            end) == end - first);
}

static void send_second_job(Stage *stage, PlayedWorker *worker) {
        uint64_t id = job_status(stage, "second").id;

        for (uint64_t b = 0; b < N_SECOND; b++) {
                MessageBlock block = stage_second_block(stage, id, b);

                worker_send(worker, &block);
        }
        RUN_UNTIL(stage, worker_job(worker, id)->acknowledged.n_members == N_SECOND);
}

static void run_for(Stage *stage, usec_t span) {
        usec_t end = clock_now_usec() + span;

        while (clock_now_usec() < end)
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
}

/* What the packed blocks [0, n) weigh. */
static uint64_t packed_bytes(const Stage *stage, unsigned n) {
        uint64_t bytes = 0;

        for (unsigned b = 0; b < n; b++)
                bytes += stage->blocks[b].packed.size;
        return bytes;
}

static void test_stores_use_no_more_than_they_may(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_rules(&(MasterRules) { .room.max_use = { .bytes = MAX_USE } }, &faulty);
        PlayedWorker *worker = stage_join(stage, 1);

        CHECK(packed_bytes(stage, 3) < MAX_USE - 4096 && packed_bytes(stage, 4) > MAX_USE);
        send_blocks(stage, worker, 0, 2); /* that is allowed */
        run_for(stage, LOOK_USEC);
        CHECK_EQUAL(job_state(stage), MASTER_JOB_RUNNING);
        send_blocks(stage, worker, 2, 3); /* it is looked at now, */
        send_blocks(stage, worker, 3, 4); /* and not again at once */
        run_for(stage, LOOK_USEC);
        send_blocks(stage, worker, 4, 5);
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_FAILED);
        CHECK(strstr(job_status(stage, "first").problem, "'max_use' in master.conf"));
        CHECK(strstr(job_status(stage, "first").problem, "goes on by itself"));
        CHECK(!master_wants_workers(stage->master));
        CHECK_EQUAL(job_status(stage, "first").n_blocks_present, 5);
        run_for(stage, 4 * USEC_PER_SEC);
        CHECK_EQUAL(job_state(stage), MASTER_JOB_FAILED);

        /* allowed more, it goes on */
        master_set_rules(stage->master, &(MasterRules) { .room.max_use = { .percent = 50 } });
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_RUNNING);
        worker = stage_join(stage, 1);
        send_blocks(stage, worker, 5, N_BLOCKS);
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_FINISHED);
        CHECK_EQUAL(job_status(stage, "first").totals.n_primes, N_PRIMES);
        CHECK(job_bytes(stage, "first") > packed_bytes(stage, N_BLOCKS)); /* and nothing was dropped */
        stage_free(stage);
}

static void test_keep_free_is_what_was_said(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_rules(&(MasterRules) { .room.keep_free = { .percent = 50 } }, &faulty);
        PlayedWorker *worker = stage_join(stage, 1);

        faulty.available = SIZE / 2;
        run_for(stage, LOOK_USEC);
        send_blocks(stage, worker, 0, 1);
        CHECK_EQUAL(job_state(stage), MASTER_JOB_RUNNING);
        faulty.available--;
        run_for(stage, LOOK_USEC);
        send_blocks(stage, worker, 1, 2);
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_FAILED);
        CHECK(strstr(job_status(stage, "first").problem, "'keep_free' in master.conf"));
        master_set_rules(stage->master, &(MasterRules) { .room.keep_free = { .bytes = MAX_USE } });
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_RUNNING);
        stage_free(stage);
}

static void test_the_oldest_bitmaps_go(void) {
        const MasterRules rules = { .room.max_use = { .bytes = MAX_USE }, .drop_oldest = true };
        FaultyDisk faulty;
        Stage *stage = stage_with_rules(&rules, &faulty);
        PlayedWorker *worker = stage_join(stage, 1);

        for (uint64_t b = 0; b < N_BLOCKS; b++) {
                send_blocks(stage, worker, b, b + 1);
                if (b < N_BLOCKS - 1)
                        CHECK_EQUAL(job_state(stage), MASTER_JOB_RUNNING);
                run_for(stage, LOOK_USEC);
        }
        CHECK_EQUAL(job_state(stage), MASTER_JOB_FINISHED);
        CHECK_EQUAL(job_status(stage, "first").totals.n_primes, N_PRIMES);
        CHECK(job_bytes(stage, "first") < packed_bytes(stage, N_BLOCKS) * 3 / 4);
        CHECK(job_bytes(stage, "first") > packed_bytes(stage, 1)); /* not more than had to */
        stage_free(stage);
}

/* The last blocks come faster than the room is looked at: what is too much goes when the job has ended. */
static void test_a_finished_job_keeps_to_the_limit(void) {
        const MasterRules rules = { .room.max_use = { .bytes = MAX_USE }, .drop_oldest = true };
        FaultyDisk faulty;
        Stage *stage = stage_with_rules(&rules, &faulty);
        PlayedWorker *worker = stage_join(stage, 1);

        send_blocks(stage, worker, 0, N_BLOCKS);
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_FINISHED);
        RUN_UNTIL(stage, job_bytes(stage, "first") < MAX_USE);
        CHECK(job_bytes(stage, "first") > packed_bytes(stage, 1));
        CHECK_EQUAL(job_status(stage, "first").totals.n_primes, N_PRIMES);
        CHECK_EQUAL(job_state(stage), MASTER_JOB_FINISHED);
        stage_free(stage);
}

/* A segment of a finished store that is gone: the job is told so, and nothing else happens. */
static void test_a_finished_store_is_damaged(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_rules(&(MasterRules) { .drop_oldest = true }, &faulty);
        PlayedWorker *worker = stage_join(stage, 1);
        char path[128];

        send_blocks(stage, worker, 0, N_BLOCKS);
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_FINISHED);
        (void) snprintf(path, sizeof path, "%s/first/000000000000.primes", stage->folder);
        CHECK(unlink(path) == 0);
        for (unsigned i = 0; i < 3; i++) {
                master_set_rules(stage->master, &(MasterRules) {
                        .room.max_use = { .bytes = MAX_USE - i }, .drop_oldest = true,
                });
                run_for(stage, LOOK_USEC);
        }
        CHECK_EQUAL(job_state(stage), MASTER_JOB_FINISHED);
        CHECK(strstr(job_status(stage, "first").problem, "'primectl start' with the same interval"));
        stage_free(stage);
}

/* Others filled the disk: everything goes, then work waits, without trying what cannot help again and again. */
static void test_nothing_is_left_to_drop(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_rules(&(MasterRules) { .drop_oldest = true }, &faulty);
        PlayedWorker *worker = stage_join(stage, 1);
        uint64_t n_calls;

        run_for(stage, LOOK_USEC);
        send_blocks(stage, worker, 0, 4);
        faulty.available = SIZE / 20 - 1;
        run_for(stage, LOOK_USEC);
        send_blocks(stage, worker, 4, 5);
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_FAILED);
        CHECK(strstr(job_status(stage, "first").problem, "to stay free"));
        CHECK(job_bytes(stage, "first") < packed_bytes(stage, 5) - packed_bytes(stage, 4) + 4096);
        CHECK_EQUAL(job_status(stage, "first").totals.n_segments, 2);
        n_calls = faulty.n_calls;
        run_for(stage, 5 * USEC_PER_SEC);
        CHECK_EQUAL(job_state(stage), MASTER_JOB_FAILED);
        CHECK_EQUAL(faulty.n_calls, n_calls); /* the store was not even opened */

        faulty.available = SIZE;
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_RUNNING);
        worker = stage_join(stage, 1);
        send_blocks(stage, worker, 5, N_BLOCKS);
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_FINISHED);
        CHECK_EQUAL(job_status(stage, "first").totals.n_primes, N_PRIMES);
        stage_free(stage);
}

/* The disk was full at once; the job that failed by it makes its own room. */
static void test_a_failed_job_makes_room(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_rules(&(MasterRules) { .room.max_use = { .bytes = MAX_USE } }, &faulty);
        PlayedWorker *worker = stage_join(stage, 1);

        send_blocks(stage, worker, 0, 2); /* that is allowed */
        run_for(stage, LOOK_USEC);
        CHECK_EQUAL(job_state(stage), MASTER_JOB_RUNNING);
        send_blocks(stage, worker, 2, 3); /* it is looked at now, */
        send_blocks(stage, worker, 3, 4); /* and not again at once */
        run_for(stage, LOOK_USEC);
        send_blocks(stage, worker, 4, 5);
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_FAILED);
        master_set_rules(stage->master,
                         &(MasterRules) { .room.max_use = { .bytes = MAX_USE }, .drop_oldest = true });
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_RUNNING && job_bytes(stage, "first") < MAX_USE);
        CHECK_EQUAL(job_status(stage, "first").n_blocks_present, 5);
        stage_free(stage);
}

/* Digests need some room, too: without any, the job waits, and tries again by itself. */
static void test_no_room_to_make_room(void) {
        const MasterRules rules = { .room.max_use = { .bytes = MAX_USE }, .drop_oldest = true };
        FaultyDisk faulty;
        Stage *stage = stage_with_rules(&(MasterRules) {}, &faulty);
        PlayedWorker *worker = stage_join(stage, 1);

        send_blocks(stage, worker, 0, 5);
        faulty.error = -ENOSPC;
        faulty.writes_only = true;
        faulty.fail_first = faulty.n_calls + 1;
        faulty.fail_end = UINT64_MAX;
        master_set_rules(stage->master, &rules);
        CHECK_EQUAL(job_state(stage), MASTER_JOB_RUNNING);
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_FAILED);
        CHECK(strstr(job_status(stage, "first").problem, "goes on by itself"));
        CHECK(job_bytes(stage, "first") > MAX_USE);
        CHECK_EQUAL(job_status(stage, "first").n_blocks_present, 5);
        faulty.fail_end = 0;
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_RUNNING && job_bytes(stage, "first") < MAX_USE);
        CHECK_EQUAL(job_status(stage, "first").n_blocks_present, 5);
        CHECK_EQUAL(faulty.n_syncs_after_failure, 0);
        stage_free(stage);
}

static void test_the_first_job_gives_first(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_rules(&(MasterRules) { .drop_oldest = true }, &faulty);
        PlayedWorker *worker;
        uint64_t before;

        CHECK(add_job(stage, "second", true) >= 0);
        worker = stage_join(stage, 1);
        send_blocks(stage, worker, 0, 4);
        send_second_job(stage, worker);
        RUN_UNTIL(stage, job_status(stage, "second").state == MASTER_JOB_FINISHED);
        before = job_bytes(stage, "second");
        master_set_rules(stage->master, &(MasterRules) {
                .room.max_use = { .bytes = before + job_bytes(stage, "first") - 1 },
                .drop_oldest = true,
        });
        RUN_UNTIL(stage, job_bytes(stage, "first") < packed_bytes(stage, 3));
        run_for(stage, USEC_PER_SEC / 2);
        CHECK_EQUAL(job_bytes(stage, "second"), before);
        CHECK(job_bytes(stage, "first") > packed_bytes(stage, 4) - packed_bytes(stage, 2)); /* its second segment */
        CHECK_EQUAL(job_state(stage), MASTER_JOB_RUNNING);
        stage_free(stage);
}

/* by request */

typedef struct Ended {
        unsigned n;
        int error;
        StoreVacuum done;
} Ended;

static void on_end(int error, const char *sentence, const StoreVacuum *done, void *userdata) {
        Ended *ended = userdata;

        CHECK((error < 0) == (sentence[0] != '\0'));
        *ended = (Ended) { ended->n + 1, error, *done };
}

static void test_vacuum(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_rules(&(MasterRules) {}, &faulty);
        PlayedWorker *worker = stage_join(stage, 1);
        Ended ended = {};
        uint64_t before;

        CHECK_EQUAL(master_vacuum_job(stage->master, "none", 0, on_end, &ended, NULL), -ENOENT);
        send_blocks(stage, worker, 0, 5);
        before = job_bytes(stage, "first");
        CHECK_EQUAL(master_vacuum_job(stage->master, "first", before, on_end, &ended, NULL), 0);
        CHECK_EQUAL(master_vacuum_job(stage->master, "first", 0, on_end, &ended, NULL), -EBUSY);
        CHECK_EQUAL(ended.n, 0); /* not from inside the call */
        RUN_UNTIL(stage, ended.n == 1);
        CHECK(ended.error == 0 && ended.done.n_segments == 0 && ended.done.n_bytes == 0);

        CHECK_EQUAL(master_vacuum_job(stage->master, "first", 0, on_end, &ended, NULL), 0);
        RUN_UNTIL(stage, ended.n == 2);
        CHECK(ended.error == 0 && ended.done.n_segments == 2);
        CHECK_EQUAL(job_bytes(stage, "first"), before - ended.done.n_bytes);
        CHECK(job_bytes(stage, "first") < packed_bytes(stage, 2));
        send_blocks(stage, worker, 5, N_BLOCKS);
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_FINISHED);
        CHECK_EQUAL(job_status(stage, "first").totals.n_primes, N_PRIMES);

        /* who asked is told when the job goes, and when the master does */
        CHECK_EQUAL(master_vacuum_job(stage->master, "first", 0, on_end, &ended, NULL), 0);
        CHECK_EQUAL(master_remove_job(stage->master, "first", NULL), 0);
        CHECK(ended.n == 3 && ended.error == -ECANCELED);
        CHECK(add_job(stage, "first", false) >= 0);
        CHECK_EQUAL(master_vacuum_job(stage->master, "first", 0, on_end, &ended, NULL), 0);
        stage->master = master_free(stage->master);
        CHECK(ended.n == 4 && ended.error == -ECANCELED);
        stage_free(stage);
}

static void test_rotate(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_rules(&(MasterRules) {}, &faulty);
        PlayedWorker *worker = stage_join(stage, 1);
        Problem problem = PROBLEM_NONE;

        CHECK_EQUAL(master_rotate_job(stage->master, "none", NULL), -ENOENT);
        CHECK_EQUAL(master_rotate_job(stage->master, "first", NULL), 0);
        send_blocks(stage, worker, 0, 3);
        CHECK_EQUAL(job_status(stage, "first").totals.n_segments, 1);
        CHECK_EQUAL(master_rotate_job(stage->master, "first", NULL), 1);
        CHECK_EQUAL(job_status(stage, "first").totals.n_segments, 2);
        CHECK_EQUAL(master_rotate_job(stage->master, "first", NULL), 0);
        send_blocks(stage, worker, 3, N_BLOCKS);
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_FINISHED);
        CHECK_EQUAL(job_status(stage, "first").totals.n_segments, 4); /* 0-1, 2, 3, 4-5 */
        CHECK_EQUAL(job_status(stage, "first").totals.n_primes, N_PRIMES);

        /* a store that is closed */
        CHECK(add_job(stage, "second", true) >= 0);
        worker = stage_join(stage, 1);
        faulty.error = -EIO;
        faulty.fail_first = faulty.n_calls + 1;
        faulty.fail_end = UINT64_MAX;
        CHECK(add_job(stage, "third", true) < 0);
        {
                MessageBlock block = stage_second_block(stage, job_status(stage, "second").id, 0);

                worker_send(worker, &block);
        }
        RUN_UNTIL(stage, job_status(stage, "second").state == MASTER_JOB_FAILED);
        CHECK_EQUAL(master_rotate_job(stage->master, "second", &problem), -EIO);
        CHECK(strstr(problem.text, "is closed"));
        CHECK_EQUAL(master_vacuum_job(stage->master, "second", 0, on_end, NULL, NULL), -EIO);
        stage_free(stage);
}

static void test_what_is_kept_changes_with_the_rules(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_rules(&(MasterRules) {}, &faulty);
        PlayedWorker *worker = stage_join(stage, 1);
        uint64_t before;

        send_blocks(stage, worker, 0, 2);
        before = job_bytes(stage, "first");
        CHECK(before > packed_bytes(stage, 2));
        master_set_rules(stage->master, &(MasterRules) { .keep = STORE_KEEP_DIGEST });
        send_blocks(stage, worker, 2, N_BLOCKS);
        RUN_UNTIL(stage, job_state(stage) == MASTER_JOB_FINISHED);
        CHECK(job_bytes(stage, "first") < before + 4096);
        CHECK_EQUAL(job_status(stage, "first").totals.n_primes, N_PRIMES);
        stage_free(stage);
}

int main(void) {
        RUN(test_stores_use_no_more_than_they_may);
        RUN(test_keep_free_is_what_was_said);
        RUN(test_the_oldest_bitmaps_go);
        RUN(test_a_finished_job_keeps_to_the_limit);
        RUN(test_a_finished_store_is_damaged);
        RUN(test_nothing_is_left_to_drop);
        RUN(test_a_failed_job_makes_room);
        RUN(test_no_room_to_make_room);
        RUN(test_the_first_job_gives_first);
        RUN(test_vacuum);
        RUN(test_rotate);
        RUN(test_what_is_kept_changes_with_the_rules);
        return tests_end();
}
