/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A master as a service runs it: several jobs that come, pause, fail and go, and workers that are let go when there is
 * nothing to do.
 */

#include "faults/faulty-disk.h"
#include "master/stage.h"

static unsigned n_changes;

static void on_changed(void *userdata) {
        n_changes++;
}

static void start_master(Stage *stage, MasterSettings settings) {
        Problem problem = PROBLEM_NONE;

        settings.name = "test";
        settings.on_changed = on_changed;
        if (master_new(stage->event, &settings, &stage->master, &problem) < 0)
                printf("# %s\n", problem.text);
        CHECK(stage->master);
}

static int add_job(Stage *stage, const char *name, bool second, unsigned priority, Problem *problem) {
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
                .priority = priority,
        }, problem);
}

/* A master with the jobs "first" and "second". */
static Stage *stage_with_two(void) {
        Stage *stage = stage_new_bare();

        start_master(stage, (MasterSettings) {});
        CHECK(add_job(stage, "first", false, 0, NULL) >= 0);
        CHECK(add_job(stage, "second", true, 7, NULL) >= 0);
        return stage;
}

static MasterWorkerStatus worker_status(const Stage *stage) {
        MasterWorkerStatus status;

        CHECK(master_n_workers(stage->master) > 0);
        master_worker_status(stage->master, 0, &status);
        return status;
}

static void send_second(PlayedWorker *worker, uint64_t job, uint64_t sequence) {
        MessageBlock block = stage_second_block(worker->stage, job, sequence);

        worker_send(worker, &block);
}

static void send_first(PlayedWorker *worker, uint64_t job, uint64_t sequence) {
        MessageBlock block = worker->stage->blocks[sequence];

        block.job = job;
        worker_send(worker, &block);
}

/* Works at whatever it is given until it is let go. */
static void work_until_closed(PlayedWorker *worker, uint64_t first_job) {
        Stage *stage = worker->stage;
        unsigned n_sent = 0;

        worker_request(worker, 0);
        while (!worker->closed) {
                for (unsigned j = 0; j < worker->n_jobs; j++) {
                        PlayedJob *job = worker->jobs + j;
                        Interval lease;

                        if (!interval_set_next(&job->leased, 0, &lease))
                                continue;
                        for (uint64_t b = lease.first; b < lease.end; b++, n_sent++)
                                if (job->id == first_job)
                                        send_first(worker, job->id, b);
                                else
                                        send_second(worker, job->id, b);
                        CHECK(interval_set_remove(&job->leased, lease.first, lease.end) >= 0);
                        worker_request(worker, 0);
                }
                CHECK(n_sent < 100);
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
        }
}

static void run_for(Stage *stage, usec_t span) {
        usec_t end = clock_now_usec() + span;

        while (clock_now_usec() < end)
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
}

static void test_two_jobs_then_no_work(void) {
        Stage *stage = stage_with_two();
        uint64_t first = job_status(stage, "first").id;
        PlayedWorker *worker;
        usec_t begin;

        CHECK_EQUAL(master_n_jobs(stage->master), 2);
        CHECK(master_wants_workers(stage->master));
        worker = stage_join(stage, 1);
        CHECK_EQUAL(worker->jobs[0].priority, MASTER_PRIORITY_DEFAULT);
        CHECK_EQUAL(worker->jobs[1].priority, 7);
        n_changes = 0;
        begin = clock_now_usec();
        work_until_closed(worker, first);
        CHECK_EQUAL(worker->closed_error, 0);
        CHECK(strstr(worker->closed_reason, "no work"));
        CHECK(clock_now_usec() - begin > 1900 * USEC_PER_MSEC); /* not at once: it might have had more to say */
        CHECK_EQUAL(worker->jobs[0].acknowledged.n_members, N_BLOCKS);
        CHECK_EQUAL(worker->jobs[1].acknowledged.n_members, N_SECOND);
        CHECK_EQUAL(job_status(stage, "first").state, MASTER_JOB_FINISHED);
        CHECK_EQUAL(job_status(stage, "first").totals.n_primes, N_PRIMES);
        CHECK_EQUAL(job_status(stage, "second").totals.n_primes, stage_second_primes(stage));
        CHECK(job_status(stage, "second").finished_usec > begin);
        CHECK(!master_wants_workers(stage->master));
        CHECK(n_changes > 0);
        RUN_UNTIL(stage, master_n_workers(stage->master) == 0);
        CHECK(sd_event_get_state(stage->event) != SD_EVENT_FINISHED);
        stage_free(stage);
}

static void test_names_and_intervals_are_unique(void) {
        Stage *stage = stage_with_two();
        Problem problem = PROBLEM_NONE;

        CHECK_EQUAL(add_job(stage, "first", true, 0, &problem), -EEXIST);
        CHECK(strstr(problem.text, "'first'"));
        problem = PROBLEM_NONE;
        CHECK_EQUAL(add_job(stage, "third", true, 0, &problem), -EEXIST);
        CHECK(strstr(problem.text, "'second'"));
        problem = PROBLEM_NONE;
        CHECK_EQUAL(add_job(stage, "a/b", true, 0, &problem), -EINVAL);
        CHECK_EQUAL(add_job(stage, "", true, 0, NULL), -EINVAL);
        CHECK_EQUAL(add_job(stage, "..", true, 0, NULL), -EINVAL);
        CHECK_EQUAL(master_n_jobs(stage->master), 2);
        CHECK_EQUAL(master_find_job(stage->master, "third", NULL), -ENOENT);
        CHECK_EQUAL(master_pause_job(stage->master, "third", true, NULL), -ENOENT);
        CHECK_EQUAL(master_remove_job(stage->master, "third", NULL), -ENOENT);
        CHECK_EQUAL(master_set_job_priority(stage->master, "third", 1, NULL), -ENOENT);
        CHECK_EQUAL(master_set_job_priority(stage->master, "first", 0, NULL), -EINVAL);
        CHECK_EQUAL(master_set_job_priority(stage->master, "first", 1001, NULL), -EINVAL);
        stage_free(stage);
}

static void test_jobs_and_priorities_are_announced(void) {
        Stage *stage = stage_new_bare();
        PlayedWorker *worker;

        start_master(stage, (MasterSettings) {});
        CHECK(add_job(stage, "first", false, 0, NULL) >= 0);
        worker = stage_join(stage, 1);
        CHECK(add_job(stage, "second", true, 0, NULL) >= 0);
        RUN_UNTIL(stage, worker->n_jobs == 2);
        CHECK(master_set_job_priority(stage->master, "first", 31, NULL) >= 0);
        RUN_UNTIL(stage, worker->jobs[0].n_announced == 2);
        CHECK_EQUAL(worker->jobs[0].priority, 31);
        CHECK_EQUAL(job_status(stage, "first").priority, 31);
        stage_free(stage);
}

/* It may have forgotten a job that was announced long ago. */
static void test_a_worker_is_reminded_before_a_lease(void) {
        Stage *stage = stage_with_two();
        PlayedWorker *worker;
        const PlayedJob *first;

        CHECK(master_pause_job(stage->master, "first", true, NULL) >= 0);
        worker = stage_join(stage, 1);
        first = worker_job(worker, job_status(stage, "first").id);
        CHECK(first);
        for (unsigned i = 0; i < WIRE_JOBS_KEPT; i++)
                CHECK(master_set_job_priority(stage->master, "second", 100 + i, NULL) >= 0);
        CHECK(master_remove_job(stage->master, "second", NULL) >= 0);
        CHECK(master_pause_job(stage->master, "first", false, NULL) >= 0);
        CHECK_EQUAL(first->n_announced, 1);
        worker_request(worker, 0);
        RUN_UNTIL(stage, first->leased.n_members > 0);
        CHECK_EQUAL(first->n_announced, 2);

        worker_request(worker, 0); /* once is enough */
        RUN_UNTIL(stage, worker->n_leases == 2);
        CHECK_EQUAL(first->n_announced, 2);
        stage_free(stage);
}

static void test_pause_and_resume(void) {
        Stage *stage = stage_with_two();
        PlayedWorker *worker;
        uint64_t first = job_status(stage, "first").id;
        unsigned n_leases;

        CHECK(master_remove_job(stage->master, "second", NULL) >= 0);
        worker = stage_join(stage, 1);
        worker_request(worker, 0);
        RUN_UNTIL(stage, worker->n_leases == 1);
        CHECK(master_pause_job(stage->master, "first", true, NULL) >= 0);
        CHECK_EQUAL(job_status(stage, "first").state, MASTER_JOB_PAUSED);
        CHECK(!master_wants_workers(stage->master));

        /* what is under way is not lost, and keeps the session although there is no work */
        n_leases = worker->n_leases;
        worker_request(worker, 0);
        run_for(stage, 2500 * USEC_PER_MSEC);
        CHECK(!worker->closed);
        CHECK_EQUAL(worker->n_leases, n_leases);
        CHECK(interval_set_contains(&worker->leased, 0));
        send_first(worker, first, 0);
        RUN_UNTIL(stage, worker->acknowledged.n_members == 1);

        CHECK(master_pause_job(stage->master, "first", false, NULL) >= 0);
        CHECK_EQUAL(job_status(stage, "first").state, MASTER_JOB_RUNNING);
        RUN_UNTIL(stage, worker->n_leases > n_leases);
        stage_free(stage);
}

static void test_removing_with_work_in_flight(void) {
        Stage *stage = stage_with_two();
        PlayedWorker *worker;
        uint64_t first = job_status(stage, "first").id;
        unsigned n_revokes;
        char path[128];
        Store *store;

        CHECK(master_pause_job(stage->master, "second", true, NULL) >= 0);
        worker = stage_join(stage, 1);
        worker_request(worker, 0);
        RUN_UNTIL(stage, worker->n_leases == 1);
        send_first(worker, first, 0);
        send_first(worker, first, 4);
        RUN_UNTIL(stage, job_status(stage, "first").n_blocks_present == 2);
        worker_request(worker, 0);
        RUN_UNTIL(stage, worker->n_leases == 2);
        n_revokes = worker->n_revokes;
        CHECK(master_remove_job(stage->master, "first", NULL) >= 0);
        CHECK_EQUAL(master_n_jobs(stage->master), 1);
        RUN_UNTIL(stage, worker->n_revokes > n_revokes);
        RUN_UNTIL(stage, worker_job(worker, first)->acknowledged.n_members == 2);
        send_first(worker, first, 1); /* too late: not wanted */
        RUN_UNTIL(stage, worker_job(worker, first)->acknowledged.n_members == 3);

        /* the store is free again, and has what was delivered */
        (void) snprintf(path, sizeof path, "%s/first", stage->folder);
        CHECK(store_open(&disk_system, path, &stage->grid, &(StoreOptions) { .segment_blocks = 2 }, &store, NULL) >= 0);
        CHECK_EQUAL(store_present(store)->n_members, 2);
        store_close(store);
        CHECK(add_job(stage, "first", false, 0, NULL) >= 0);
        CHECK_EQUAL(job_status(stage, "first").n_blocks_at_start, 2);
        stage_free(stage);
}

/* A worker comes with a block that it could not deliver when the job ended. */
static void test_late_deliveries_are_taken_without_work(void) {
        Stage *stage = stage_with_two();
        PlayedWorker *worker = stage_join(stage, 1), *late;
        uint64_t first = job_status(stage, "first").id;

        work_until_closed(worker, first);
        late = stage_join(stage, 1);
        run_for(stage, 1500 * USEC_PER_MSEC);
        CHECK(!late->closed);
        send_first(late, first, 3);
        RUN_UNTIL(stage, late->acknowledged.n_members == 1);
        run_for(stage, 1500 * USEC_PER_MSEC);
        CHECK(!late->closed); /* it may have more */
        RUN_UNTIL(stage, late->closed);
        CHECK_EQUAL(late->closed_error, 0);
        CHECK_EQUAL(job_status(stage, "first").n_disagreements, 0);
        stage_free(stage);
}

static void test_a_master_without_jobs_lets_go(void) {
        Stage *stage = stage_new_bare();
        PlayedWorker *worker;

        start_master(stage, (MasterSettings) {});
        CHECK(!master_wants_workers(stage->master));
        worker = stage_join(stage, 2);
        worker_request(worker, 0);
        RUN_UNTIL(stage, worker->n_waits == 1);
        RUN_UNTIL(stage, worker->closed);
        CHECK_EQUAL(worker->closed_error, 0);

        worker = stage_join(stage, 2);
        CHECK(add_job(stage, "first", false, 0, NULL) >= 0); /* work comes in time */
        worker_request(worker, 0);
        RUN_UNTIL(stage, worker->n_leases == 1);
        run_for(stage, 2500 * USEC_PER_MSEC);
        CHECK(!worker->closed);
        stage_free(stage);
}

static MasterCap granted;
static char asked_name[64], asked_id[2 * SHA256_SIZE + 1];

static MasterCap on_cap(const char *name, const char *id, void *userdata) {
        (void) snprintf(asked_name, sizeof asked_name, "%s", name);
        (void) snprintf(asked_id, sizeof asked_id, "%s", id);
        return granted;
}

static void test_caps(void) {
        Stage *stage = stage_new_bare();
        PlayedWorker *worker;

        granted = (MasterCap) { .threads_max = 1, .cpu_percent = 50 };
        start_master(stage, (MasterSettings) { .on_cap = on_cap });
        CHECK(add_job(stage, "first", false, 0, NULL) >= 0);
        worker = stage_join(stage, 4);
        CHECK_EQUAL(worker->settings.threads_max, 1);
        CHECK_EQUAL(worker->settings.cpu_percent, 50);
        CHECK_STRING(asked_name, "played");
        CHECK_EQUAL(strlen(asked_id), 2 * SHA256_SIZE);
        CHECK_STRING(asked_id, worker_status(stage).id);

        for (uint16_t lane = 0; lane < 3; lane++)
                worker_request(worker, lane);
        RUN_UNTIL(stage, worker->lane_leased[0].n_members > 0 && worker->n_waits == 2);
        run_for(stage, 300 * USEC_PER_MSEC);
        CHECK_EQUAL(worker->n_leases, 1);

        /* without a change, nothing is said */
        master_apply_caps(stage->master);
        granted = (MasterCap) { .threads_max = 2 };
        master_apply_caps(stage->master);
        RUN_UNTIL(stage, worker->lane_leased[1].n_members > 0);
        CHECK_EQUAL(worker->n_settings, 2);
        CHECK_EQUAL(worker->settings.threads_max, 2);
        CHECK_EQUAL(worker->settings.cpu_percent, 0);
        CHECK_EQUAL(worker->lane_leased[2].n_members, 0);

        granted = (MasterCap) {};
        master_apply_caps(stage->master);
        RUN_UNTIL(stage, worker->lane_leased[2].n_members > 0);
        CHECK_EQUAL(worker->settings.threads_max, 0);

        /* a smaller cap: what the lanes beyond had is free, and another worker gets it */
        granted = (MasterCap) { .threads_max = 1 };
        master_apply_caps(stage->master);
        CHECK_EQUAL(worker_status(stage).cap.threads_max, 1);
        CHECK_EQUAL(worker_status(stage).n_leased, worker->lane_leased[0].n_members);
        stage_free(stage);
}

static void test_what_a_worker_tells_of_itself(void) {
        Stage *stage = stage_with_two();
        PlayedWorker *worker = stage_join(stage, 4);
        uint64_t first = job_status(stage, "first").id;
        MasterWorkerStatus status;

        status = worker_status(stage);
        CHECK_STRING(status.name, "played");
        CHECK_STRING(status.program, "test");
        CHECK_STRING(status.address, ""); /* a socketpair */
        CHECK_EQUAL(status.n_threads, 4);
        CHECK_EQUAL(master_n_threads(stage->master), 4);
        CHECK_EQUAL(master_n_remote(stage->master), 0);
        CHECK(status.joined_realtime_usec > 0 && status.rate == 0);

        worker_request(worker, 0);
        worker_request(worker, 1);
        RUN_UNTIL(stage, worker->n_leases == 2);
        CHECK(worker_status(stage).n_leased > 0);
        CHECK(link_send(worker->link, &(Message) {
                .type = MESSAGE_STATE,
                .state = { .threads_allowed = 3, .threads_applied = 1, .note = "cpu_quota = \"100%\"" },
        }) >= 0);
        RUN_UNTIL(stage, worker_status(stage).threads_allowed == 3);
        status = worker_status(stage);
        CHECK_EQUAL(status.threads_applied, 1);
        CHECK_STRING(status.note, "cpu_quota = \"100%\"");

        /* paused: nothing is held for lanes that do nothing */
        CHECK(link_send(worker->link, &(Message) { .type = MESSAGE_STATE, .state = { .note = "on battery" } }) >= 0);
        RUN_UNTIL(stage, worker_status(stage).threads_allowed == 0);
        CHECK_EQUAL(worker_status(stage).n_leased, 0);
        run_for(stage, 2500 * USEC_PER_MSEC);
        CHECK(!worker->closed);

        send_first(worker, first, 0);
        RUN_UNTIL(stage, worker_status(stage).n_blocks == 1);
        CHECK(worker_status(stage).rate > 0 && job_status(stage, "first").rate > 0);
        CHECK(master_pause_job(stage->master, "first", true, NULL) >= 0);
        CHECK(job_status(stage, "first").rate == 0); /* what does not run has no speed that decays */
        CHECK(master_pause_job(stage->master, "first", false, NULL) >= 0);
        CHECK(job_status(stage, "first").rate > 0);
        worker_request(worker, 2); /* and on again, on any lane */
        RUN_UNTIL(stage, worker->lane_leased[2].n_members > 0);
        stage_free(stage);
}

/* Breaks the disk of "first" in one way, for good or until it is mended. */
static Stage *stage_with_faulty_disk(FaultyDisk *faulty) {
        Stage *stage = stage_new_bare();

        faulty_disk_init(faulty, 0, 0, 0);
        start_master(stage, (MasterSettings) { .disk = &faulty->disk });
        CHECK(add_job(stage, "first", false, 0, NULL) >= 0);
        return stage;
}

static void break_disk(FaultyDisk *faulty, int error) {
        faulty->error = error;
        faulty->writes_only = error == -ENOSPC;
        faulty->fail_first = faulty->n_calls + 1;
        faulty->fail_end = UINT64_MAX;
}

static void test_a_full_disk_is_waited_for(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_faulty_disk(&faulty);
        PlayedWorker *worker = stage_join(stage, 1);
        uint64_t first = job_status(stage, "first").id, n_durable;

        send_first(worker, first, 0);
        RUN_UNTIL(stage, worker->acknowledged.n_members == 1);
        break_disk(&faulty, -ENOSPC);
        send_first(worker, first, 1);
        send_first(worker, first, 2);
        RUN_UNTIL(stage, job_status(stage, "first").state == MASTER_JOB_FAILED);
        CHECK(job_status(stage, "first").problem[0] != '\0');
        CHECK(!master_wants_workers(stage->master));
        CHECK(sd_event_get_state(stage->event) != SD_EVENT_FINISHED);
        n_durable = job_status(stage, "first").n_blocks_present;
        CHECK(n_durable >= 1);

        /* tries again, in vain; what is not durable stays unacknowledged, and the worker is not sent away with it */
        run_for(stage, 4500 * USEC_PER_MSEC);
        CHECK(!worker->closed);
        CHECK_EQUAL(worker->acknowledged.n_members, 1);
        CHECK_EQUAL(job_status(stage, "first").n_blocks_present, n_durable);

        faulty.fail_end = 0;
        RUN_UNTIL(stage, job_status(stage, "first").state == MASTER_JOB_RUNNING);
        CHECK_STRING(job_status(stage, "first").problem, "");
        work_until_closed(worker, first);
        CHECK_EQUAL(worker->acknowledged.n_members, N_BLOCKS);
        CHECK_EQUAL(job_status(stage, "first").state, MASTER_JOB_FINISHED);
        CHECK_EQUAL(job_status(stage, "first").totals.n_primes, N_PRIMES);
        CHECK_EQUAL(faulty.n_syncs_after_failure, 0);
        stage_free(stage);
}

/* A master that runs for months leaves some of the disk to others: it stops before any write fails. */
static void test_some_room_is_kept_free(void) {
        const uint64_t size = UINT64_C(1000) << 20, reserve = size / 20;
        FaultyDisk faulty;
        Stage *stage = stage_with_faulty_disk(&faulty);
        PlayedWorker *worker = stage_join(stage, 1);
        uint64_t first = job_status(stage, "first").id;
        Problem problem = PROBLEM_NONE;

        faulty.size = size;
        faulty.available = reserve;
        run_for(stage, 1100 * USEC_PER_MSEC); /* since it was added */
        send_first(worker, first, 0);
        RUN_UNTIL(stage, worker->acknowledged.n_members == 1);
        CHECK_EQUAL(faulty.n_looks, 1);
        CHECK_EQUAL(job_status(stage, "first").state, MASTER_JOB_RUNNING);
        faulty.available = reserve - (UINT64_C(10) << 20);
        send_first(worker, first, 1);
        RUN_UNTIL(stage, worker->acknowledged.n_members == 2);
        CHECK_EQUAL(faulty.n_looks, 1); /* once a second is enough */
        run_for(stage, 1100 * USEC_PER_MSEC);
        send_first(worker, first, 2);
        RUN_UNTIL(stage, job_status(stage, "first").state == MASTER_JOB_FAILED);

        /* what has come is durable and acknowledged; the sentence tells the place, both sizes and the cure */
        RUN_UNTIL(stage, worker->acknowledged.n_members == 3);
        CHECK_EQUAL(job_status(stage, "first").n_blocks_present, 3);
        CHECK(!master_wants_workers(stage->master));
        CHECK(strstr(job_status(stage, "first").problem, job_status(stage, "first").store_path));
        CHECK(strstr(job_status(stage, "first").problem, "40.0M free, but 50.0M"));
        CHECK(strstr(job_status(stage, "first").problem, "Make room there"));
        CHECK(strstr(job_status(stage, "first").problem, "goes on by itself"));

        /* just enough is not enough to go on with, nor does a person's word make room */
        CHECK_EQUAL(master_pause_job(stage->master, "first", false, &problem), -ENOSPC);
        CHECK(strstr(problem.text, "Make room there"));
        faulty.available = reserve + reserve / 10 - 1;
        run_for(stage, 5 * USEC_PER_SEC);
        CHECK_EQUAL(job_status(stage, "first").state, MASTER_JOB_FAILED);
        faulty.available++;
        RUN_UNTIL(stage, job_status(stage, "first").state == MASTER_JOB_RUNNING);
        worker = stage_join(stage, 1); /* the other one was let go: there was no work */
        work_until_closed(worker, first);
        CHECK_EQUAL(worker->acknowledged.n_members, N_BLOCKS - 3);
        CHECK_EQUAL(job_status(stage, "first").totals.n_primes, N_PRIMES);
        stage_free(stage);
}

/* A new job, or a master that starts, does not begin either; but what is finished is finished. */
static void test_without_room_nothing_begins(void) {
        FaultyDisk faulty;
        Stage *stage = stage_new_bare();

        faulty_disk_init(&faulty, 0, 0, 0);
        faulty.size = UINT64_C(1000) << 20;
        faulty.available = UINT64_C(10) << 20;
        start_master(stage, (MasterSettings) { .disk = &faulty.disk });
        CHECK(add_job(stage, "first", false, 0, NULL) >= 0);
        CHECK_EQUAL(job_status(stage, "first").state, MASTER_JOB_FAILED);
        CHECK(!master_wants_workers(stage->master));
        faulty.available = faulty.size;
        RUN_UNTIL(stage, job_status(stage, "first").state == MASTER_JOB_RUNNING);
        CHECK(master_wants_workers(stage->master));
        stage_free(stage);
}

static void test_a_broken_disk_waits_for_a_person(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_faulty_disk(&faulty);
        PlayedWorker *worker = stage_join(stage, 2), *other;
        uint64_t first = job_status(stage, "first").id;
        Problem problem = PROBLEM_NONE;

        send_first(worker, first, 0);
        RUN_UNTIL(stage, worker->acknowledged.n_members == 1);
        worker_request(worker, 0);
        worker_request(worker, 1);
        RUN_UNTIL(stage, worker->n_leases == 2);
        send_first(worker, first, 1);
        RUN_UNTIL(stage, job_status(stage, "first").n_blocks_present == 2);
        break_disk(&faulty, -EIO); /* the next is the commit */
        RUN_UNTIL(stage, job_status(stage, "first").state == MASTER_JOB_FAILED);
        RUN_UNTIL(stage, worker->n_revokes > 0);
        send_first(worker, first, 2);
        run_for(stage, 2500 * USEC_PER_MSEC);
        CHECK_EQUAL(worker->acknowledged.n_members, 1);
        CHECK_EQUAL(job_status(stage, "first").n_blocks_present, 1);
        CHECK(!worker->closed);

        CHECK(master_pause_job(stage->master, "first", false, &problem) < 0); /* still broken */
        CHECK(problem.text[0] != '\0');
        CHECK_STRING(job_status(stage, "first").problem, problem.text);
        CHECK_EQUAL(job_status(stage, "first").state, MASTER_JOB_FAILED);

        /* mended: others may deliver what this one computed, and each gets its acknowledgement */
        faulty.fail_end = 0;
        CHECK(master_pause_job(stage->master, "first", false, NULL) >= 0);
        CHECK_EQUAL(job_status(stage, "first").state, MASTER_JOB_RUNNING);
        other = stage_join(stage, 1);
        work_until_closed(other, first);
        RUN_UNTIL(stage, worker->acknowledged.n_members == 3);
        CHECK_EQUAL(job_status(stage, "first").totals.n_primes, N_PRIMES);
        CHECK_EQUAL(faulty.n_syncs_after_failure, 0);
        stage_free(stage);
}

/* The store's folder is not there any more: it must not be begun anew. */
static void test_a_store_that_went_away_is_not_made_again(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_faulty_disk(&faulty);
        PlayedWorker *worker = stage_join(stage, 1);
        char path[128], aside[128];
        Problem problem = PROBLEM_NONE;

        break_disk(&faulty, -EIO);
        send_first(worker, job_status(stage, "first").id, 0);
        RUN_UNTIL(stage, job_status(stage, "first").state == MASTER_JOB_FAILED);
        faulty.fail_end = 0;
        (void) snprintf(path, sizeof path, "%s/first", stage->folder);
        (void) snprintf(aside, sizeof aside, "%s/aside", stage->folder);
        CHECK(rename(path, aside) >= 0);
        CHECK_EQUAL(master_pause_job(stage->master, "first", false, &problem), -ENOENT);
        CHECK(strstr(problem.text, "mounted"));
        CHECK(access(path, F_OK) < 0);
        CHECK(rename(aside, path) >= 0);
        CHECK(master_pause_job(stage->master, "first", false, NULL) >= 0);
        stage_free(stage);
}

static void test_one_broken_job_does_not_hold_up_another(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_faulty_disk(&faulty);
        PlayedWorker *worker;
        uint64_t first = job_status(stage, "first").id;

        break_disk(&faulty, -EIO);
        worker = stage_join(stage, 1);
        send_first(worker, first, 0);
        RUN_UNTIL(stage, job_status(stage, "first").state == MASTER_JOB_FAILED);
        faulty.fail_end = 0;
        CHECK(add_job(stage, "second", true, 0, NULL) >= 0);
        CHECK(master_wants_workers(stage->master));
        worker_request(worker, 0);
        while (job_status(stage, "second").state != MASTER_JOB_FINISHED) {
                Interval lease;

                if (worker->n_jobs == 2 && interval_set_next(&worker->jobs[1].leased, 0, &lease)) {
                        for (uint64_t b = lease.first; b < lease.end; b++)
                                send_second(worker, worker->jobs[1].id, b);
                        CHECK(interval_set_remove(&worker->jobs[1].leased, lease.first, lease.end) >= 0);
                        worker_request(worker, 0);
                }
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
        }
        CHECK_EQUAL(job_status(stage, "second").totals.n_primes, stage_second_primes(stage));
        CHECK_EQUAL(job_status(stage, "first").state, MASTER_JOB_FAILED);

        /* and it can be cancelled: then its block is not wanted any more */
        CHECK_EQUAL(worker_job(worker, first)->acknowledged.n_members, 0);
        CHECK(master_remove_job(stage->master, "first", NULL) >= 0);
        RUN_UNTIL(stage, worker_job(worker, first)->acknowledged.n_members == 1);
        stage_free(stage);
}

/* In the foreground a broken disk is the end, with the sentence. */
static void test_once_ends_with_the_sentence(void) {
        Stage *stage = stage_new_bare();
        PlayedWorker *worker;
        FaultyDisk faulty;
        int code;

        faulty_disk_init(&faulty, 0, 0, 0);
        start_master(stage, (MasterSettings) { .disk = &faulty.disk, .once = true });
        CHECK(add_job(stage, "first", false, 0, NULL) >= 0);
        worker = stage_join(stage, 1);
        break_disk(&faulty, -EIO);
        send_first(worker, job_status(stage, "first").id, 0);
        RUN_UNTIL(stage, sd_event_get_state(stage->event) == SD_EVENT_FINISHED);
        CHECK(sd_event_get_exit_code(stage->event, &code) >= 0 && code == EXIT_FAILURE);
        CHECK(master_problem(stage->master)[0] != '\0');
        CHECK_EQUAL(worker->acknowledged.n_members, 0);
        stage_free(stage);
}

/* Who only connects keeps nobody out, and takes no more than so many descriptors. */
static void test_a_flood_of_connections(void) {
        Stage *stage = stage_with_two();
        int flood[600];
        unsigned n_open = 0;
        PlayedWorker *worker = stage_join(stage, 1);

        for (unsigned i = 0; i < ELEMENTSOF(flood); i++) {
                int pair[2];

                CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
                CHECK(master_add_worker(stage->master, pair[1]) >= 0);
                flood[i] = pair[0];
        }
        for (unsigned i = 0; i < ELEMENTSOF(flood); i++) {
                char byte;
                ssize_t n = recv(flood[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK);

                n_open += n < 0 && errno == EAGAIN;
        }
        CHECK_EQUAL(n_open, 256);
        CHECK(!worker->closed);
        CHECK_EQUAL(master_n_workers(stage->master), 1);
        (void) stage_join(stage, 1); /* the honest still find a place */
        CHECK_EQUAL(master_n_workers(stage->master), 2);
        for (unsigned i = 0; i < ELEMENTSOF(flood); i++)
                (void) fd_close(flood[i]);
        stage_free(stage);
}

static void test_workers_are_bounded(void) {
        Stage *stage = stage_new_bare();
        PlayedWorker *first, *third;
        int pair[2];

        start_master(stage, (MasterSettings) { .workers_max = 2 });
        CHECK(add_job(stage, "first", false, 0, NULL) >= 0);
        first = stage_join(stage, 1);
        third = stage_connect(stage); /* connected in time, but says HELLO too late */
        (void) stage_join(stage, 1);
        worker_hello(third, 1);
        RUN_UNTIL(stage, third->closed);
        CHECK_EQUAL(third->closed_error, -EBUSY);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK_EQUAL(master_add_worker(stage->master, pair[1]), -EBUSY);
        (void) fd_close(pair[0]);
        CHECK(!first->closed);
        CHECK_EQUAL(master_n_workers(stage->master), 2);
        stage_free(stage);
}

/* A key that stays, and a name: what other hosts know a master by. */
static void test_who_it_is(void) {
        Stage *stage = stage_new_bare();

        start_master(stage, (MasterSettings) { .identity = stage->identity });
        CHECK_STRING(master_name(stage->master), "test");
        CHECK(memcmp(master_id(stage->master), identity_id(stage->identity), SHA256_SIZE) == 0);
        CHECK(master_started_usec(stage->master) <= clock_now_usec());
        CHECK_STRING(master_problem(stage->master), "");
        CHECK_STRING(master_job_state_name(MASTER_JOB_FAILED), "failed");
        stage_free(stage);
}

/* A job that stays broken does not fill its workers' shelves for ever: after a while they are told to forget. */
static void test_blocks_of_a_failed_job_are_released(void) {
        FaultyDisk faulty;
        Stage *stage = stage_with_faulty_disk(&faulty);
        PlayedWorker *worker = stage_join(stage, 1);
        uint64_t first = job_status(stage, "first").id;
        usec_t begin;

        break_disk(&faulty, -EIO);
        send_first(worker, first, 0);
        RUN_UNTIL(stage, job_status(stage, "first").state == MASTER_JOB_FAILED);
        run_for(stage, 25 * USEC_PER_SEC);
        CHECK_EQUAL(worker->acknowledged.n_members, 0);
        CHECK(!worker->closed);
        RUN_UNTIL(stage, worker->acknowledged.n_members == 1);
        RUN_UNTIL(stage, worker->closed); /* nothing holds it any more */

        /* nobody promised to have it: it is computed again */
        faulty.fail_end = 0;
        begin = clock_now_usec();
        CHECK(master_pause_job(stage->master, "first", false, NULL) >= 0);
        CHECK_EQUAL(job_status(stage, "first").n_blocks_present, 0);
        worker = stage_join(stage, 1);
        work_until_closed(worker, first);
        CHECK(job_status(stage, "first").finished_usec > begin);
        CHECK_EQUAL(job_status(stage, "first").totals.n_primes, N_PRIMES);
        stage_free(stage);
}

/* What the log tells of a job, from its beginning to its end. */
static void test_events_are_told(void) {
        static const char *const expected[] = {
                "Job 'first' was added", "Job 'second' was added", "Worker 'played' joined with 1 processor",
                "Worker 'played' did 0 to 188743680 of job 'first': 10,489,480 primes",
                "Job 'first' is finished: 10,489,480 primes, unaudited",
                "Worker 'played' left after 9 blocks: no work",
                "Job 'second' was cancelled; its store stays in",
        };
        char path[] = "/tmp/primed-test-events-XXXXXX", text[8192] = "";
        int saved = dup(STDERR_FILENO), fd = mkstemp(path);
        Stage *stage;

        CHECK(saved >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
        stage = stage_with_two();
        work_until_closed(stage_join(stage, 1), job_status(stage, "first").id);
        RUN_UNTIL(stage, master_n_workers(stage->master) == 0);
        CHECK(master_remove_job(stage->master, "second", NULL) >= 0);
        stage_free(stage);
        CHECK(dup2(saved, STDERR_FILENO) >= 0);
        CHECK(fd_pread_full(fd, text, sizeof text - 1, 0) > 0);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                if (!strstr(text, expected[i]))
                        printf("# '%s' is missing\n", expected[i]);
                CHECK(strstr(text, expected[i]));
        }
        (void) unlink(path);
        (void) fd_close(fd);
        (void) fd_close(saved);
}

int main(int argc, char *argv[]) {
        if (argc > 1) { /* the slow one */
                RUN(test_blocks_of_a_failed_job_are_released);
                return tests_end();
        }
        RUN(test_two_jobs_then_no_work);
        RUN(test_names_and_intervals_are_unique);
        RUN(test_jobs_and_priorities_are_announced);
        RUN(test_a_worker_is_reminded_before_a_lease);
        RUN(test_pause_and_resume);
        RUN(test_removing_with_work_in_flight);
        RUN(test_late_deliveries_are_taken_without_work);
        RUN(test_a_master_without_jobs_lets_go);
        RUN(test_caps);
        RUN(test_what_a_worker_tells_of_itself);
        RUN(test_a_full_disk_is_waited_for);
        RUN(test_some_room_is_kept_free);
        RUN(test_without_room_nothing_begins);
        RUN(test_a_broken_disk_waits_for_a_person);
        RUN(test_a_store_that_went_away_is_not_made_again);
        RUN(test_one_broken_job_does_not_hold_up_another);
        RUN(test_once_ends_with_the_sentence);
        RUN(test_a_flood_of_connections);
        RUN(test_workers_are_bounded);
        RUN(test_who_it_is);
        RUN(test_events_are_told);
        return tests_end();
}
