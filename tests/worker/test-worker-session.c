/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A real worker session, with a real crew, over a real link to a master that this test plays: every rule of the
 * dialogue in wire/message.h that a worker must keep.
 */

#include "worker/worker-session.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/interval-set.h"
#include "prime/number.h"
#include "test.h"

#define JOB UINT64_C(0x5a5a)
#define N_BLOCKS 64

/* The played master, and what it saw. */
typedef struct Stage {
        sd_event *event;
        Identity *master_identity, *worker_identity;
        Link *link;
        bool hello;
        unsigned n_threads, n_requests;
        uint64_t n_blocks_asked;
        unsigned blocks[N_BLOCKS];
        IntervalSet handed_back;
        bool acknowledge; /* each block at once */
        int closed_error;
        bool closed;

        unsigned n_states;
        MessageState state; /* the last one */

        Crew *crew;
        sd_event_source *crew_source;
        Account *account;
        Allowance allowance;
        WorkerSessionOwner owner;
        WorkerSession *session;
        bool ended;
        int ended_error;
} Stage;

static void stage_send(Stage *stage, const Message *message) {
        CHECK(link_send(stage->link, message) >= 0);
}

static void send_acknowledge(Stage *stage, uint64_t first, uint64_t end) {
        const WireInterval interval = { first, end };

        stage_send(stage, &(Message) { .type = MESSAGE_ACKNOWLEDGE,
                                 .acknowledge = { .job = JOB, .n_intervals = 1, .intervals = &interval } });
}

static void on_ready(Link *link, void *userdata) {
}

static void on_message(Link *link, const Message *message, void *userdata) {
        Stage *stage = userdata;

        switch (message->type) {
        case MESSAGE_HELLO:
                stage->hello = true;
                CHECK_EQUAL(message->hello.n_lanes, 1);
                stage->n_threads = message->hello.n_threads;
                break;
        case MESSAGE_REQUEST:
                CHECK_EQUAL(message->request.lane, 0);
                stage->n_blocks_asked = message->request.n_blocks;
                stage->n_requests++;
                break;
        case MESSAGE_BLOCK:
                CHECK(message->block.job == JOB && message->block.sequence < N_BLOCKS);
                stage->blocks[message->block.sequence]++;
                if (stage->acknowledge)
                        send_acknowledge(stage, message->block.sequence, message->block.sequence + 1);
                break;
        case MESSAGE_HAND_BACK:
                for (size_t i = 0; i < message->hand_back.n_intervals; i++)
                        CHECK(interval_set_add(&stage->handed_back, message->hand_back.intervals[i].first,
                                               message->hand_back.intervals[i].end) >= 0);
                break;
        case MESSAGE_STATE:
                stage->state = message->state;
                stage->n_states++;
                break;
        default:
                CHECK(!"a message that a worker may not send");
        }
}

static void on_closed(Link *link, int error, const char *reason, void *userdata) {
        Stage *stage = userdata;

        stage->closed = true;
        stage->closed_error = error;
}

static void on_ended(WorkerSession *session, int error, const char *reason, void *userdata) {
        Stage *stage = userdata;

        stage->ended = true;
        stage->ended_error = error;
        stage->session = worker_session_free(stage->session);
}

static Account *on_peer(WorkerSession *session, const uint8_t *master_id, const char **ret_reason, void *userdata) {
        Stage *stage = userdata;

        CHECK(memcmp(master_id, stage->account->master_id, SHA256_SIZE) == 0);
        return stage->account;
}

static int on_crew(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Stage *stage = userdata;

        for (CrewResult *result; (result = crew_pop_result(stage->crew));)
                shelf_add(&stage->account->shelf, result);
        if (stage->session)
                worker_session_pump(stage->session);
        return 0;
}

/* Connects the worker of the stage to its master, anew if it was connected before. */
static void stage_connect(Stage *stage) {
        static const LinkCallbacks callbacks = {
                .on_ready = on_ready,
                .on_message = on_message,
                .on_closed = on_closed,
        };
        int pair[2];

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
        stage->hello = stage->closed = stage->ended = false;
        CHECK(link_new(stage->event, pair[0], LINK_SERVER, stage->master_identity, NULL, &callbacks, stage,
                       &stage->link) >= 0);
        CHECK(worker_session_new(stage->event, pair[1], stage->worker_identity, &stage->owner, stage,
                                 &stage->session) >= 0);
}

static Stage *stage_new(unsigned n_threads) {
        const CrewSettings crew_settings = { .n_threads = n_threads, .pending_bytes_max = 64U << 20 };
        Stage *stage = calloc(1, sizeof *stage);

        CHECK(stage && sd_event_new(&stage->event) >= 0);
        CHECK(identity_new_ephemeral(&stage->master_identity, NULL) >= 0);
        CHECK(identity_new_ephemeral(&stage->worker_identity, NULL) >= 0);
        CHECK(crew_new(&crew_settings, &stage->crew) >= 0);
        CHECK(sd_event_add_io(stage->event, &stage->crew_source, crew_fd(stage->crew), EPOLLIN, on_crew, stage) >= 0);
        stage->owner = (WorkerSessionOwner) {
                .crew = stage->crew,
                .name = "test",
                .allowance = &stage->allowance,
                .on_peer = on_peer,
                .on_ended = on_ended,
        };
        stage->allowance = (Allowance) { .threads_allowed = n_threads, .threads_now = n_threads };
        stage->account = account_new(identity_id(stage->master_identity));
        CHECK(stage->account);
        stage_connect(stage);
        return stage;
}

static void stage_free(Stage *stage) {
        worker_session_free(stage->session);
        link_free(stage->link);
        sd_event_source_disable_unref(stage->crew_source);
        crew_free(stage->crew);
        account_free(stage->account);
        interval_set_done(&stage->handed_back);
        identity_free(stage->master_identity);
        identity_free(stage->worker_identity);
        sd_event_unref(stage->event);
        free(stage);
}

/* Runs the loop until the condition is true; fails after a minute, or what a sanitizer makes of it. */
#define RUN_UNTIL(stage, condition)                                                                          \
        do {                                                                                                 \
                usec_t _end = clock_now_usec() + TEST_PATIENCE(60);                                          \
                while (!(condition)) {                                                                       \
                        CHECK(clock_now_usec() < _end);                                                      \
                        CHECK(sd_event_run((stage)->event, 10 * USEC_PER_MSEC) >= 0);                        \
                }                                                                                            \
        } while (0)

static void run_for(Stage *stage, usec_t span) {
        usec_t end = clock_now_usec() + span;

        while (clock_now_usec() < end)
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
}

/* Each of the 60 blocks that were leased is here, or was handed back. */
static bool all_came_back(const Stage *stage) {
        for (uint64_t b = 0; b < 60; b++)
                if (!stage->blocks[b] && !interval_set_contains(&stage->handed_back, b))
                        return false;
        return true;
}

static void send_job(Stage *stage) {
        _cleanup_mpz_ mpz_t to;
        uint8_t bytes[16];

        mpz_init(to);
        number_set_u64(to, N_BLOCKS * GRID_BLOCK_LENGTH_MAX);
        number_to_bytes(to, bytes);
        stage_send(stage, &(Message) { .type = MESSAGE_JOB,
                                 .job = { .job = JOB, .to = { bytes, number_bytes(to) },
                                          .block_length = GRID_BLOCK_LENGTH_MAX } });
}

static void send_lease(Stage *stage, uint16_t lane, uint64_t first, uint64_t end) {
        stage_send(stage, &(Message) { .type = MESSAGE_LEASE,
                                 .lease = { .job = JOB, .lane = lane, .first = first, .end = end, .run_end = end } });
}

/* HELLO, WELCOME, JOB, SETTINGS. */
static void stage_begin(Stage *stage) {
        RUN_UNTIL(stage, stage->hello);
        stage_send(stage, &(Message) { .type = MESSAGE_WELCOME, .welcome = { .name = "master", .program = "test" } });
        send_job(stage);
        stage_send(stage, &(Message) { .type = MESSAGE_SETTINGS });
}

static void test_asks_once_at_a_time(void) {
        Stage *stage = stage_new(3);

        stage_begin(stage);
        RUN_UNTIL(stage, stage->n_requests == 1);
        CHECK_EQUAL(stage->n_threads, 3);
        run_for(stage, 50 * USEC_PER_MSEC);
        CHECK_EQUAL(stage->n_requests, 1);
        CHECK_EQUAL(stage->n_blocks_asked, 0);

        /* a lease is answered by a request for the second one in hand, and then by silence */
        send_lease(stage, 0, 0, 8);
        RUN_UNTIL(stage, stage->n_requests == 2);
        send_lease(stage, 0, 8, 60);
        RUN_UNTIL(stage, stage->blocks[7]);
        /* by now it knows how much it computes at once */
        RUN_UNTIL(stage, stage->n_requests == 3);
        CHECK(stage->n_blocks_asked > 0);
        stage_free(stage);
}

static void test_blocks_come_once_and_are_forgotten(void) {
        Stage *stage = stage_new(2);
        unsigned n = 0;

        stage_begin(stage);
        RUN_UNTIL(stage, stage->n_requests == 1);
        stage->acknowledge = true;
        send_lease(stage, 0, 0, 5);
        send_lease(stage, 0, 5, 9);
        RUN_UNTIL(stage, stage->blocks[4] && stage->blocks[8] && stage->account->shelf.n_blocks == 0);
        for (unsigned b = 0; b < N_BLOCKS; b++) {
                CHECK(stage->blocks[b] == (b < 9 ? 1 : 0));
                n += stage->blocks[b];
        }
        CHECK_EQUAL(n, 9);
        stage_free(stage);
}

static void test_unacknowledged_blocks_are_offered_again(void) {
        Stage *stage = stage_new(1);

        stage_begin(stage);
        RUN_UNTIL(stage, stage->n_requests == 1);
        send_lease(stage, 0, 3, 6);
        RUN_UNTIL(stage, stage->blocks[5] == 1);
        send_acknowledge(stage, 4, 5);
        RUN_UNTIL(stage, stage->account->shelf.n_blocks == 2);

        /* the master dies */
        stage->link = link_free(stage->link);
        RUN_UNTIL(stage, stage->ended);
        CHECK(stage->ended_error < 0);
        CHECK_EQUAL(stage->account->shelf.n_blocks, 2);

        /* another one announces the same job: exactly what was not acknowledged comes, without a lease */
        memset(stage->blocks, 0, sizeof stage->blocks);
        stage_connect(stage);
        RUN_UNTIL(stage, stage->hello);
        stage_send(stage, &(Message) { .type = MESSAGE_WELCOME });
        run_for(stage, 50 * USEC_PER_MSEC);
        CHECK_EQUAL(stage->blocks[3], 0); /* not before the job is announced */
        stage->acknowledge = true;
        send_job(stage);
        RUN_UNTIL(stage, stage->account->shelf.n_blocks == 0);
        CHECK(stage->blocks[3] == 1 && stage->blocks[4] == 0 && stage->blocks[5] == 1);
        stage_free(stage);
}

/* The job was cancelled while the worker was away: the master is asked about its blocks, and the shelf is emptied. */
static void test_blocks_of_a_job_that_is_gone_are_settled(void) {
        Stage *stage = stage_new(1);

        stage_begin(stage);
        RUN_UNTIL(stage, stage->n_requests == 1);
        send_lease(stage, 0, 3, 6);
        RUN_UNTIL(stage, stage->blocks[5] == 1);
        stage->link = link_free(stage->link);
        RUN_UNTIL(stage, stage->ended);
        CHECK_EQUAL(stage->account->shelf.n_blocks, 3);

        memset(stage->blocks, 0, sizeof stage->blocks);
        stage_connect(stage);
        stage->acknowledge = true;
        RUN_UNTIL(stage, stage->hello);
        stage_send(stage, &(Message) { .type = MESSAGE_WELCOME });
        stage_send(stage, &(Message) { .type = MESSAGE_SETTINGS });
        RUN_UNTIL(stage, stage->account->shelf.n_blocks == 0);
        CHECK(stage->blocks[3] == 1 && stage->blocks[4] == 1 && stage->blocks[5] == 1);
        CHECK(account_is_settled(stage->account, stage->crew));
        worker_session_finish(stage->session, "test");
        RUN_UNTIL(stage, stage->ended);
        CHECK_EQUAL(stage->ended_error, 0);
        stage_free(stage);
}

static void test_finishing_hands_back_the_rest(void) {
        Stage *stage = stage_new(2);
        usec_t begin;

        stage_begin(stage);
        RUN_UNTIL(stage, stage->n_requests == 1);
        send_lease(stage, 0, 0, 30);
        send_lease(stage, 0, 30, 60);
        RUN_UNTIL(stage, stage->blocks[1]);

        begin = clock_now_usec();
        worker_session_finish(stage->session, "test");
        RUN_UNTIL(stage, stage->handed_back.n_members > 0);
        CHECK(clock_now_usec() - begin < 3 * TEST_PATIENCE(2)); /* promised: 2 s */
        RUN_UNTIL(stage, all_came_back(stage));

        /* a lease that crossed the hand-back on its way goes back at once */
        send_lease(stage, 0, 60, 62);
        RUN_UNTIL(stage, interval_set_contains(&stage->handed_back, 61));

        /* and it stays until the last block is acknowledged */
        CHECK(!stage->ended);
        send_acknowledge(stage, 0, 1);
        run_for(stage, 100 * USEC_PER_MSEC);
        CHECK(!stage->ended);
        send_acknowledge(stage, 1, 60);
        RUN_UNTIL(stage, stage->ended && stage->closed);
        CHECK_EQUAL(stage->closed_error, 0);
        CHECK_EQUAL(stage->ended_error, 0);
        stage_free(stage);
}

static void test_settings_change_the_threads(void) {
        Stage *stage = stage_new(3);

        stage_begin(stage);
        RUN_UNTIL(stage, stage->n_requests == 1);
        stage->acknowledge = true;
        for (unsigned i = 0; i < 2; i++)
                send_lease(stage, 0, 20 * i, 20 * i + 20);
        RUN_UNTIL(stage, stage->blocks[0]);
        stage_send(stage, &(Message) { .type = MESSAGE_SETTINGS, .settings.threads_max = 1 });
        RUN_UNTIL(stage, stage->state.threads_applied == 1);
        RUN_UNTIL(stage, stage->blocks[20]);

        /* more than the host allows is not taken */
        stage_send(stage, &(Message) { .type = MESSAGE_SETTINGS, .settings.threads_max = 100 });
        RUN_UNTIL(stage, stage->state.threads_applied == 3);
        RUN_UNTIL(stage, stage->blocks[39]);
        CHECK_EQUAL(stage->handed_back.n_members, 0);
        for (unsigned b = 0; b < 40; b++)
                CHECK_EQUAL(stage->blocks[b], 1);
        stage_free(stage);
}

static void test_revoked_blocks_do_not_come(void) {
        Stage *stage = stage_new(1);
        const WireInterval interval = { 10, 60 };

        stage_begin(stage);
        RUN_UNTIL(stage, stage->n_requests == 1);
        stage->acknowledge = true;
        send_lease(stage, 0, 0, 60);
        stage_send(stage, &(Message) { .type = MESSAGE_REVOKE,
                                 .revoke = { .job = JOB, .n_intervals = 1, .intervals = &interval } });
        RUN_UNTIL(stage, stage->blocks[9]);
        run_for(stage, 300 * USEC_PER_MSEC);
        for (unsigned b = 11; b < 60; b++)
                CHECK_EQUAL(stage->blocks[b], 0);
        RUN_UNTIL(stage, stage->n_requests >= 2);
        stage_free(stage);
}

static void test_the_state_is_told_when_it_changes(void) {
        Stage *stage = stage_new(3);

        stage_begin(stage);
        RUN_UNTIL(stage, stage->n_requests == 1);
        CHECK_EQUAL(stage->n_states, 1);
        CHECK_EQUAL(stage->state.threads_allowed, 3);
        CHECK_EQUAL(stage->state.threads_applied, 3);
        CHECK_STRING(stage->state.note, "");

        stage_send(stage, &(Message) { .type = MESSAGE_SETTINGS, .settings.threads_max = 1 });
        RUN_UNTIL(stage, stage->n_states == 2);
        CHECK_EQUAL(stage->state.threads_applied, 1);
        CHECK_STRING(stage->state.note, "the master's cap of 1 thread");

        stage_send(stage, &(Message) { .type = MESSAGE_SETTINGS, .settings.cpu_percent = 150 });
        RUN_UNTIL(stage, stage->n_states == 3);
        CHECK_EQUAL(stage->state.threads_applied, 2);
        CHECK_STRING(stage->state.note, "the master's cap of 150% of a processor");

        /* the same again is nothing new */
        stage_send(stage, &(Message) { .type = MESSAGE_SETTINGS, .settings.cpu_percent = 150 });
        worker_session_set_allowance(stage->session);
        run_for(stage, 100 * USEC_PER_MSEC);
        CHECK_EQUAL(stage->n_states, 3);

        /* the host allows less than the master */
        stage->allowance = (Allowance) { .threads_allowed = 1, .threads_now = 1, .note = "CPU quota of 100%" };
        crew_set_threads(stage->crew, 1);
        worker_session_set_allowance(stage->session);
        RUN_UNTIL(stage, stage->n_states == 4);
        CHECK_EQUAL(stage->state.threads_allowed, 1);
        CHECK_STRING(stage->state.note, "CPU quota of 100%");
        stage_free(stage);
}

static void test_a_pause_keeps_the_session(void) {
        Stage *stage = stage_new(2);

        stage_begin(stage);
        RUN_UNTIL(stage, stage->n_requests == 1);
        stage->acknowledge = true;
        send_lease(stage, 0, 0, 30);
        send_lease(stage, 0, 30, 60);
        RUN_UNTIL(stage, stage->blocks[0]);
        stage->allowance = (Allowance) { .threads_allowed = 2, .note = "on battery" };
        crew_set_threads(stage->crew, 0);
        worker_session_set_allowance(stage->session);
        RUN_UNTIL(stage, stage->state.threads_applied == 0);
        CHECK_STRING(stage->state.note, "on battery");
        RUN_UNTIL(stage, all_came_back(stage));

        /* a lease that was on its way comes back, too */
        send_lease(stage, 0, 60, 61);
        RUN_UNTIL(stage, interval_set_contains(&stage->handed_back, 60));
        CHECK(!stage->closed && !stage->ended);

        stage->allowance = (Allowance) { .threads_allowed = 2, .threads_now = 2 };
        stage->n_requests = 0;
        crew_set_threads(stage->crew, 2);
        worker_session_set_allowance(stage->session);
        RUN_UNTIL(stage, stage->n_requests == 1);
        send_lease(stage, 0, 61, 64);
        RUN_UNTIL(stage, stage->blocks[63]);
        CHECK_EQUAL(stage->state.threads_applied, 2);
        stage_free(stage);
}

/* A service stays joined for months: what is finished is forgotten. */
static void test_any_number_of_jobs_one_after_the_other(void) {
        Stage *stage = stage_new(1);
        uint8_t to[] = { 0, 0, 0, 0, 1 };

        stage_begin(stage);
        for (uint64_t id = 1; id <= 1000; id++)
                stage_send(stage, &(Message) { .type = MESSAGE_JOB,
                                               .job = { .job = id, .to = { to, sizeof to }, .priority = 5,
                                                        .block_length = GRID_BLOCK_LENGTH_MAX } });
        /* a new priority is not a new job */
        for (unsigned i = 0; i < 1000; i++)
                stage_send(stage, &(Message) { .type = MESSAGE_JOB,
                                               .job = { .job = 1000, .to = { to, sizeof to }, .priority = 7,
                                                        .block_length = GRID_BLOCK_LENGTH_MAX } });
        send_job(stage);
        stage->acknowledge = true;
        send_lease(stage, 0, 0, 2);
        RUN_UNTIL(stage, stage->blocks[1]);
        CHECK(!stage->closed);
        stage_free(stage);
}

/* The job that the lease will be of is announced first, and again in the midst of the others. */
static void test_the_jobs_announced_last_are_kept(void) {
        Stage *stage = stage_new(1);
        uint8_t to[] = { 0, 0, 0, 0, 1 };

        stage_begin(stage);
        for (uint64_t id = 1; id <= 3 * WIRE_JOBS_KEPT - 10; id++) {
                if (id == 2 * WIRE_JOBS_KEPT - 8)
                        send_job(stage);
                stage_send(stage, &(Message) { .type = MESSAGE_JOB,
                                               .job = { .job = id, .to = { to, sizeof to }, .priority = 5,
                                                        .block_length = GRID_BLOCK_LENGTH_MAX } });
        }
        stage->acknowledge = true;
        send_lease(stage, 0, 0, 2);
        RUN_UNTIL(stage, stage->blocks[1] || stage->closed);
        CHECK(!stage->closed);
        stage_free(stage);
}

/* Each of these breaks a rule: the worker says so and ends. */
static void check_refused(void (*misbehave)(Stage *stage)) {
        Stage *stage = stage_new(1);

        stage_begin(stage);
        RUN_UNTIL(stage, stage->n_requests == 1);
        misbehave(stage);
        RUN_UNTIL(stage, stage->closed);
        CHECK_EQUAL(stage->closed_error, -EPROTO);
        stage_free(stage);
}

static void lease_of_unknown_job(Stage *stage) {
        stage_send(stage, &(Message) { .type = MESSAGE_LEASE, .lease = { .job = JOB + 1, .end = 1, .run_end = 1 } });
}

static void lease_of_unknown_lane(Stage *stage) {
        send_lease(stage, 1, 0, 1);
}

static void lease_beyond_the_job(Stage *stage) {
        send_lease(stage, 0, N_BLOCKS - 1, N_BLOCKS + 1);
}

static void endless_leases(Stage *stage) {
        for (uint64_t i = 0; i < 10; i++)
                send_lease(stage, 0, 6 * i, 6 * i + 6);
}

static void job_with_wrong_grid(Stage *stage) {
        uint8_t to = 100;

        stage_send(stage, &(Message) { .type = MESSAGE_JOB,
                                       .job = { .job = 1, .to = { &to, 1 }, .block_length = 30 } });
}

static void job_that_is_empty(Stage *stage) {
        uint8_t number = 100;

        stage_send(stage, &(Message) { .type = MESSAGE_JOB,
                                 .job = { .job = 1, .from = { &number, 1 }, .to = { &number, 1 },
                                          .block_length = GRID_BLOCK_LENGTH_MAX } });
}

static void worker_message(Stage *stage) {
        stage_send(stage, &(Message) { .type = MESSAGE_REQUEST });
}

/* A master that answers with a version that was not offered. */
static void test_an_unknown_version_ends_the_session(void) {
        Stage *stage = stage_new(1);

        RUN_UNTIL(stage, stage->hello);
        stage_send(stage, &(Message) { .type = MESSAGE_WELCOME, .welcome.version = WIRE_VERSION_MAX + 1 });
        RUN_UNTIL(stage, stage->closed);
        CHECK_EQUAL(stage->closed_error, -EPROTO);
        stage_free(stage);
}

static void test_broken_rules_end_the_session(void) {
        check_refused(lease_of_unknown_job);
        check_refused(lease_of_unknown_lane);
        check_refused(lease_beyond_the_job);
        check_refused(endless_leases);
        check_refused(job_with_wrong_grid);
        check_refused(job_that_is_empty);
        check_refused(worker_message);
}

int main(void) {
        RUN(test_asks_once_at_a_time);
        RUN(test_blocks_come_once_and_are_forgotten);
        RUN(test_unacknowledged_blocks_are_offered_again);
        RUN(test_blocks_of_a_job_that_is_gone_are_settled);
        RUN(test_finishing_hands_back_the_rest);
        RUN(test_settings_change_the_threads);
        RUN(test_revoked_blocks_do_not_come);
        RUN(test_the_state_is_told_when_it_changes);
        RUN(test_a_pause_keeps_the_session);
        RUN(test_any_number_of_jobs_one_after_the_other);
        RUN(test_the_jobs_announced_last_are_kept);
        RUN(test_an_unknown_version_ends_the_session);
        RUN(test_broken_rules_end_the_session);
        return tests_end();
}
