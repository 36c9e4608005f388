/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A real master with a real store, over real links to workers that this test plays: honest ones, liars, and some
 * that go without a word.
 */

#include "master/master.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "test.h"
#include "wire/link.h"

#define N_BLOCKS 6 /* of [0, 6·30·2^20) */
#define N_PRIMES 10489480 /* in it, by primesieve */

typedef struct PlayedWorker {
        struct Stage *stage;
        Link *link;
        bool ready, welcome, closed;
        int closed_error;
        uint64_t job;
        IntervalSet leased, acknowledged;
        IntervalSet lane_leased[2];
        bool lane_waits[2];
        unsigned n_leases, n_waits, n_revokes;
} PlayedWorker;

typedef struct Stage {
        sd_event *event;
        Identity *identity;
        Master *master;
        char folder[64];
        PlayedWorker workers[3];
        unsigned n_workers;
        Grid grid;
        /* what an honest worker computes */
        uint8_t *packed[N_BLOCKS];
        MessageBlock blocks[N_BLOCKS];
} Stage;

static void on_ready(Link *link, void *userdata) {
        PlayedWorker *worker = userdata;

        worker->ready = true;
}

static void on_message(Link *link, const Message *message, void *userdata) {
        PlayedWorker *worker = userdata;

        switch (message->type) {
        case MESSAGE_WELCOME:
                worker->welcome = true;
                break;
        case MESSAGE_JOB:
                CHECK_EQUAL(message->job.block_length, GRID_BLOCK_LENGTH_MAX);
                worker->job = message->job.job;
                break;
        case MESSAGE_LEASE:
                worker->n_leases++;
                CHECK(interval_set_add(&worker->leased, message->lease.first, message->lease.end) >= 0);
                CHECK(interval_set_add(worker->lane_leased + message->lease.lane, message->lease.first,
                                       message->lease.end) >= 0);
                worker->lane_waits[message->lease.lane] = false;
                break;
        case MESSAGE_WAIT:
                worker->n_waits++;
                break;
        case MESSAGE_ACKNOWLEDGE:
                for (size_t i = 0; i < message->acknowledge.n_intervals; i++)
                        CHECK(interval_set_add(&worker->acknowledged, message->acknowledge.intervals[i].first,
                                               message->acknowledge.intervals[i].end) >= 0);
                break;
        case MESSAGE_REVOKE:
                /* As the crew does: whoever of its lanes has it. */
                worker->n_revokes++;
                for (size_t i = 0; i < message->revoke.n_intervals; i++)
                        for (unsigned lane = 0; lane < 2; lane++)
                                CHECK(interval_set_remove(worker->lane_leased + lane,
                                                          message->revoke.intervals[i].first,
                                                          message->revoke.intervals[i].end) >= 0);
                break;
        case MESSAGE_SETTINGS:
                break;
        default:
                CHECK(!"a message that a master may not send");
        }
}

static void on_closed(Link *link, int error, const char *reason, void *userdata) {
        PlayedWorker *worker = userdata;

        worker->closed = true;
        worker->closed_error = error;
}

#define RUN_UNTIL(stage, condition)                                                                          \
        do {                                                                                                 \
                usec_t _end = clock_now_usec() + 20 * USEC_PER_SEC;                                          \
                while (!(condition)) {                                                                       \
                        CHECK(clock_now_usec() < _end);                                                      \
                        CHECK(sd_event_run((stage)->event, 10 * USEC_PER_MSEC) >= 0);                        \
                }                                                                                            \
        } while (0)

/* Computes what an honest worker would send. */
static void stage_compute(Stage *stage) {
        const SieveEnvironment environment = {};
        _cleanup_free_ uint8_t *bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        Packer *packer = packer_new();
        SieveRun *run;

        CHECK(bitmap && packer && sieve_run_new(stage->grid.from, stage->grid.to, &environment, &run) >= 0);
        for (unsigned b = 0; b < N_BLOCKS; b++) {
                MessageBlock *block = stage->blocks + b;
                Certainty certainty;
                PackCodec codec;

                stage->packed[b] = malloc(pack_bound(GRID_BLOCK_BYTES_MAX));
                CHECK(stage->packed[b]);
                CHECK(sieve_run_next(run, GRID_BLOCK_LENGTH_MAX, bitmap, &certainty) >= 0);
                CHECK(pack_bitmap(packer, bitmap, GRID_BLOCK_BYTES_MAX, stage->packed[b],
                                  pack_bound(GRID_BLOCK_BYTES_MAX), &codec, &block->packed.size) >= 0);
                block->sequence = b;
                block->codec = (uint8_t) codec;
                block->certainty = (uint8_t) certainty;
                block->count = bitmap_count(bitmap, GRID_BLOCK_BYTES_MAX) + (b == 0 ? 3 : 0);
                block->packed.data = stage->packed[b];
                checksum_sha256(bitmap, GRID_BLOCK_BYTES_MAX, block->digest);
        }
        sieve_run_free(run);
        packer_free(packer);
}

static void stage_start_master(Stage *stage) {
        const MasterSettings settings = { .name = "test", .once = true };
        const MasterJobSettings job = {
                .name = "job",
                .from = stage->grid.from,
                .to = stage->grid.to,
                .store_path = stage->folder,
                .segment_blocks = 2,
        };
        Problem problem = PROBLEM_NONE;

        if (master_new(stage->event, &settings, &stage->master, &problem) < 0 ||
            master_add_job(stage->master, &job, &problem) < 0) {
                printf("# %s\n", problem.text);
                CHECK(!"the master starts");
        }
}

static Stage *stage_new(void) {
        Stage *stage = calloc(1, sizeof *stage);
        _cleanup_mpz_ mpz_t from, to;

        CHECK(stage && sd_event_new(&stage->event) >= 0);
        CHECK(identity_new_ephemeral(&stage->identity, NULL) >= 0);
        mpz_init_set_ui(from, 0);
        mpz_init(to);
        number_set_u64(to, N_BLOCKS * GRID_BLOCK_LENGTH_MAX);
        CHECK(grid_init(&stage->grid, from, to, NULL) >= 0);
        stage_compute(stage);

        (void) strcpy(stage->folder, "/tmp/primed-test-master-XXXXXX");
        CHECK(mkdtemp(stage->folder));
        stage_start_master(stage);
        return stage;
}

static void stage_free(Stage *stage) {
        char command[128];

        for (unsigned i = 0; i < stage->n_workers; i++) {
                link_free(stage->workers[i].link);
                interval_set_done(&stage->workers[i].leased);
                interval_set_done(&stage->workers[i].acknowledged);
                interval_set_done(stage->workers[i].lane_leased);
                interval_set_done(stage->workers[i].lane_leased + 1);
        }
        for (unsigned b = 0; b < N_BLOCKS; b++)
                free(stage->packed[b]);
        master_free(stage->master);
        grid_done(&stage->grid);
        identity_free(stage->identity);
        sd_event_unref(stage->event);
        (void) snprintf(command, sizeof command, "rm -rf '%s'", stage->folder);
        CHECK(system(command) == 0);
        free(stage);
}

/* A worker joins, with `n_lanes` lanes, and is welcome. */
static PlayedWorker *stage_join(Stage *stage, uint16_t n_lanes) {
        static const LinkCallbacks callbacks = {
                .on_ready = on_ready,
                .on_message = on_message,
                .on_closed = on_closed,
        };
        PlayedWorker *worker = stage->workers + stage->n_workers++;
        int pair[2];

        worker->stage = stage;
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK(link_new(stage->event, pair[0], LINK_CLIENT, stage->identity, NULL, &callbacks, worker,
                       &worker->link) >= 0);
        CHECK(master_add_worker(stage->master, pair[1]) >= 0);
        RUN_UNTIL(stage, worker->ready);
        CHECK(link_send(worker->link, &(Message) {
                .type = MESSAGE_HELLO,
                .hello = { .version_max = WIRE_VERSION_MAX, .name = "played", .program = "test", .n_lanes = n_lanes },
        }) >= 0);
        RUN_UNTIL(stage, worker->welcome && worker->job != 0);
        return worker;
}

static void worker_request(PlayedWorker *worker, uint16_t lane) {
        CHECK(link_send(worker->link, &(Message) { .type = MESSAGE_REQUEST, .request.lane = lane }) >= 0);
}

/* Sends a block as it is computed, or with something changed. */
static void worker_send(PlayedWorker *worker, const MessageBlock *block) {
        Message message = { .type = MESSAGE_BLOCK, .block = *block };

        if (message.block.job == 0)
                message.block.job = worker->job;
        CHECK(link_send(worker->link, &message) >= 0);
}

static MasterJobStatus stage_status(const Stage *stage) {
        MasterJobStatus status;

        master_job_status(stage->master, 0, &status);
        return status;
}

/* Works like an honest worker until all is done. */
static void worker_finish(PlayedWorker *worker) {
        Stage *stage = worker->stage;
        uint64_t sent = 0;

        while (!worker->closed) {
                Interval lease;

                if (sd_event_get_state(stage->event) == SD_EVENT_FINISHED)
                        break;
                if (interval_set_next(&worker->leased, 0, &lease)) {
                        for (uint64_t b = lease.first; b < lease.end; b++, sent++)
                                worker_send(worker, stage->blocks + b);
                        CHECK(interval_set_remove(&worker->leased, lease.first, lease.end) >= 0);
                        worker_request(worker, 0);
                }
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
                CHECK(sent < 100);
        }
}

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
        CHECK(pack_unpack(packer, block.codec, block.packed.data, block.packed.size, bitmap,
                          GRID_BLOCK_BYTES_MAX) >= 0);
        CHECK(bitmap[1] & 1); /* 31 */
        bitmap[1] &= 0xfe;
        CHECK(pack_bitmap(packer, bitmap, GRID_BLOCK_BYTES_MAX, packed, pack_bound(GRID_BLOCK_BYTES_MAX), &codec,
                          &block.packed.size) >= 0);
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
        usec_t due[2] = {}, end = clock_now_usec() + 20 * USEC_PER_SEC;

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
        static const LinkCallbacks callbacks = {
                .on_ready = on_ready,
                .on_message = on_message,
                .on_closed = on_closed,
        };
        Stage *stage = stage_new();
        PlayedWorker *worker = stage->workers + stage->n_workers++;
        int pair[2];

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK(link_new(stage->event, pair[0], LINK_CLIENT, stage->identity, NULL, &callbacks, worker,
                       &worker->link) >= 0);
        CHECK(master_add_worker(stage->master, pair[1]) >= 0);
        RUN_UNTIL(stage, worker->ready);
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
