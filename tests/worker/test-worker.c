/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A whole worker in this process, with its channels and masters that the test plays: when it ends and when it must
 * not, what each master gets, what the other side of the channel is told.
 */

#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/interval-set.h"
#include "base/text.h"
#include "prime/grid.h"
#include "prime/number.h"
#include "test.h"
#include "wire/handover.h"
#include "wire/link.h"

#define JOB UINT64_C(0x5a5a)
#define N_BLOCKS 64
#define N_THREADS 3

typedef struct Stage {
        sd_event *event;
        Identity *identity;
        Worker *worker;
        int handover_fd; /* our end of --handover= */
        char folder[64]; /* of a service: its socket, its config file */
} Stage;

/* A master, and whoever handed it over. */
typedef struct Master {
        Stage *stage;
        Identity *identity;
        Link *link;
        int channel; /* -1: the worker has only one */
        bool hello, closed, acknowledge;
        int closed_error;
        unsigned n_threads, n_requests, blocks[N_BLOCKS];
        IntervalSet handed_back;
        MessageState state;
} Master;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

/* A worker with one channel, as primectl starts it. */
static Stage *stage_new(void) {
        Stage *stage = calloc(1, sizeof *stage);
        int pair[2];

        CHECK(stage && sd_event_new(&stage->event) >= 0);
        CHECK(identity_new_ephemeral(&stage->identity, NULL) >= 0);
        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK(worker_new(stage->event, &(WorkerSettings) { .name = "test", .n_threads = 1, .threads_max = 1,
                                                           .identity = stage->identity,
                                                           .handover_fd = pair[0], .listen_fd = -1 },
                         &stage->worker, NULL) >= 0);
        stage->handover_fd = pair[1];
        return stage;
}

static void save_config(Stage *stage, const char *text) {
        char path[96];
        _cleanup_close_ int fd = -1;

        (void) snprintf(path, sizeof path, "%s/worker.conf", stage->folder);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
}

static struct sockaddr_un socket_address(const Stage *stage) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) snprintf(address.sun_path, sizeof address.sun_path, "%s/worker.sock", stage->folder);
        return address;
}

/* Starts a worker with a listening socket, as systemd does, with what is in the folder. */
static void service_start(Stage *stage) {
        struct sockaddr_un address = socket_address(stage);
        char path[96];
        int fd;

        CHECK(sd_event_new(&stage->event) >= 0);
        (void) unlink(address.sun_path);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0 && bind(fd, (struct sockaddr *) &address, sizeof address) == 0 && listen(fd, 64) == 0);
        (void) snprintf(path, sizeof path, "%s/worker.conf", stage->folder);
        /* --threads=, so that the test does not depend on the processors of the machine */
        CHECK(worker_new(stage->event, &(WorkerSettings) { .n_threads = N_THREADS, .threads_max = N_THREADS,
                                                           .handover_fd = -1, .listen_fd = fd,
                                                           .config_path = path, .identity = stage->identity },
                         &stage->worker, NULL) >= 0);
}

static Stage *service_new(const char *config) {
        Stage *stage = calloc(1, sizeof *stage);

        CHECK(stage);
        (void) snprintf(stage->folder, sizeof stage->folder, "/tmp/test-worker-XXXXXX");
        CHECK(mkdtemp(stage->folder));
        stage->handover_fd = -1;
        CHECK(identity_new_ephemeral(&stage->identity, NULL) >= 0);
        if (config)
                save_config(stage, config);
        service_start(stage);
        return stage;
}

static void stage_free(Stage *stage) {
        worker_free(stage->worker);
        identity_free(stage->identity);
        (void) fd_close(stage->handover_fd);
        if (stage->folder[0] != '\0')
                (void) nftw(stage->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        sd_event_unref(stage->event);
        free(stage);
}

static bool stage_ended(const Stage *stage) {
        return sd_event_get_state(stage->event) == SD_EVENT_FINISHED;
}

#define RUN_UNTIL(stage, condition)                                                                          \
        do {                                                                                                 \
                usec_t _end = clock_now_usec() + TEST_PATIENCE(30);                                          \
                while (!(condition)) {                                                                       \
                        CHECK(clock_now_usec() < _end && !stage_ended(stage));                               \
                        CHECK(sd_event_run((stage)->event, 10 * USEC_PER_MSEC) >= 0);                        \
                }                                                                                            \
        } while (0)

static void run_until_ended(Stage *stage) {
        usec_t end = clock_now_usec() + TEST_PATIENCE(30);

        while (!stage_ended(stage)) {
                CHECK(clock_now_usec() < end);
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
        }
}

static void run_for(Stage *stage, usec_t span) {
        usec_t end = clock_now_usec() + span;

        while (clock_now_usec() < end && !stage_ended(stage))
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
}

/* Masters */

static void master_send(Master *master, const Message *message) {
        CHECK(link_send(master->link, message) >= 0);
}

static void master_acknowledge(Master *master, uint64_t first, uint64_t end) {
        const WireInterval interval = { first, end };

        master_send(master, &(Message) { .type = MESSAGE_ACKNOWLEDGE,
                                         .acknowledge = { .job = JOB, .n_intervals = 1, .intervals = &interval } });
}

static void on_ready(Link *link, void *userdata) {
}

static void on_message(Link *link, const Message *message, void *userdata) {
        Master *master = userdata;

        switch (message->type) {
        case MESSAGE_HELLO:
                master->hello = true;
                master->n_threads = message->hello.n_threads;
                break;
        case MESSAGE_REQUEST:
                master->n_requests++;
                break;
        case MESSAGE_STATE:
                master->state = message->state;
                break;
        case MESSAGE_BLOCK:
                CHECK(message->block.job == JOB && message->block.sequence < N_BLOCKS);
                master->blocks[message->block.sequence]++;
                if (master->acknowledge)
                        master_acknowledge(master, message->block.sequence, message->block.sequence + 1);
                break;
        case MESSAGE_HAND_BACK:
                CHECK(interval_set_add(&master->handed_back, message->hand_back.intervals[0].first,
                                       message->hand_back.intervals[0].end) >= 0);
                break;
        default:
                CHECK(!"a message that a worker may not send");
        }
}

static void on_closed(Link *link, int error, const char *reason, void *userdata) {
        Master *master = userdata;

        master->closed = true;
        master->closed_error = error;
}

static void master_init(Master *master, Stage *stage) {
        *master = (Master) { .stage = stage, .channel = -1 };
        CHECK(identity_new_ephemeral(&master->identity, NULL) >= 0);
}

static void master_done(Master *master) {
        link_free(master->link);
        (void) fd_close(master->channel);
        interval_set_done(&master->handed_back);
        identity_free(master->identity);
}

/* Another channel to the service. */
static int open_channel(Stage *stage) {
        struct sockaddr_un address = socket_address(stage);
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0 && connect(fd, (struct sockaddr *) &address, sizeof address) == 0);
        return fd;
}

/* The master appears, or appears again. */
static void master_hand_over(Master *master) {
        static const LinkCallbacks callbacks = {
                .on_ready = on_ready,
                .on_message = on_message,
                .on_closed = on_closed,
        };
        Stage *stage = master->stage;
        int pair[2];

        master->link = link_free(master->link);
        if (stage->handover_fd < 0) {
                (void) fd_close(master->channel);
                master->channel = open_channel(stage);
        }
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
        master->hello = master->closed = false;
        CHECK(link_new(stage->event, pair[0], LINK_SERVER, master->identity, NULL, &callbacks, master,
                       &master->link) >= 0);
        CHECK(fd_send_descriptor(stage->handover_fd >= 0 ? stage->handover_fd : master->channel, "session", 7,
                                 pair[1]) >= 0);
        (void) fd_close(pair[1]);
}

static void master_send_job(Master *master) {
        _cleanup_mpz_ mpz_t to;
        uint8_t bytes[16];

        mpz_init(to);
        number_set_u64(to, N_BLOCKS * GRID_BLOCK_LENGTH_MAX);
        number_to_bytes(to, bytes);
        master_send(master, &(Message) { .type = MESSAGE_JOB,
                                         .job = { .job = JOB, .to = { bytes, number_bytes(to) },
                                                  .block_length = GRID_BLOCK_LENGTH_MAX } });
}

/* Up to the REQUESTs. */
static void master_join(Master *master) {
        master_hand_over(master);
        RUN_UNTIL(master->stage, master->hello);
        master_send(master, &(Message) { .type = MESSAGE_WELCOME, .welcome = { .name = "host1" } });
        master_send(master, &(Message) { .type = MESSAGE_SETTINGS });
        master_send_job(master);
}

static void master_lease(Master *master, uint16_t lane, uint64_t first, uint64_t end) {
        master_send(master, &(Message) { .type = MESSAGE_LEASE,
                                         .lease = { .job = JOB, .lane = lane, .first = first, .end = end,
                                                    .run_end = end } });
}

static unsigned master_count(const Master *master, uint64_t first, uint64_t end) {
        unsigned n = 0;

        for (uint64_t b = first; b < end; b++)
                n += master->blocks[b] > 0;
        return n;
}

/* The next report on the channel that is no STATE; `event` must be its event. */
static HandoverReport expect_report(Master *master, HandoverEvent event) {
        int fd = master->channel >= 0 ? master->channel : master->stage->handover_fd;
        HandoverReport report = { .event = HANDOVER_STATE };
        char hex[2 * SHA256_SIZE + 1];

        while (report.event == HANDOVER_STATE) {
                char datagram[HANDOVER_SIZE_MAX];
                ssize_t n = -1;

                RUN_UNTIL(master->stage, (n = recv(fd, datagram, sizeof datagram, MSG_DONTWAIT)) >= 0);
                CHECK(n > 0 && handover_decode(datagram, (size_t) n, &report) == 0);
        }
        CHECK_EQUAL(report.event, event);
        CHECK_STRING(report.master_id, text_hex(identity_id(master->identity), SHA256_SIZE, hex));
        return report;
}

/* The worker has closed the channel, after all reports. */
static bool channel_ended(const Master *master) {
        char datagram[HANDOVER_SIZE_MAX];

        return recv(master->channel, datagram, sizeof datagram, MSG_DONTWAIT) == 0;
}

/* One channel */

static void test_ends_when_told(void) {
        Stage *stage = stage_new();

        worker_stop(stage->worker);
        run_until_ended(stage);
        stage_free(stage);
}

static void test_ends_when_told_during_a_session(void) {
        Stage *stage = stage_new();
        Master master;
        usec_t begin;

        master_init(&master, stage);
        master_hand_over(&master);
        RUN_UNTIL(stage, master.hello);
        begin = clock_now_usec();
        worker_stop(stage->worker);
        run_until_ended(stage);
        CHECK(clock_now_usec() - begin < 3 * TEST_PATIENCE(2)); /* promised: 2 s */
        master_done(&master);
        stage_free(stage);
}

static void test_ends_with_the_handover(void) {
        Stage *stage = stage_new();
        Master master;

        master_init(&master, stage);
        master_hand_over(&master);
        RUN_UNTIL(stage, master.hello);
        stage->handover_fd = fd_close(stage->handover_fd);
        run_until_ended(stage);
        master_done(&master);
        stage_free(stage);
}

static void test_ends_when_the_master_is_done(void) {
        Stage *stage = stage_new();
        Master master;
        usec_t begin;

        master_init(&master, stage);
        master_hand_over(&master);
        RUN_UNTIL(stage, master.hello);
        begin = clock_now_usec();
        link_close(master.link, BYE_DONE, "the job is finished");
        run_until_ended(stage);
        CHECK(clock_now_usec() - begin < TEST_PATIENCE(2)); /* at once */
        master_done(&master);
        stage_free(stage);
}

static void test_takes_another_master_when_one_vanishes(void) {
        Stage *stage = stage_new();
        Master master;

        master_init(&master, stage);
        master_hand_over(&master);
        RUN_UNTIL(stage, master.hello);
        master.link = link_free(master.link);
        (void) expect_report(&master, HANDOVER_LOST);
        master_hand_over(&master);
        RUN_UNTIL(stage, master.hello);
        master_done(&master);
        stage_free(stage);
}

static void test_lets_a_second_master_go(void) {
        Stage *stage = stage_new();
        Master master;
        char byte;
        int pair[2];

        master_init(&master, stage);
        master_hand_over(&master);
        RUN_UNTIL(stage, master.hello);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK(fd_send_descriptor(stage->handover_fd, "session", 7, pair[1]) >= 0);
        (void) fd_close(pair[1]);
        RUN_UNTIL(stage, recv(pair[0], &byte, 1, MSG_DONTWAIT) == 0); /* closed, without a word */
        CHECK(!master.closed && !stage_ended(stage));
        (void) fd_close(pair[0]);
        master_done(&master);
        stage_free(stage);
}

/* A master that breaks the rules would break them again: that is no clean end. */
static void test_a_broken_rule_is_a_refusal(void) {
        Stage *stage = stage_new();
        Master master;

        master_init(&master, stage);
        master_join(&master);
        (void) expect_report(&master, HANDOVER_JOINED);
        master_send(&master, &(Message) { .type = MESSAGE_REQUEST });
        CHECK(expect_report(&master, HANDOVER_REFUSED).reason[0] != '\0');
        master_done(&master);
        stage_free(stage);
}

/* Service */

static void test_service_without_masters_ends(void) {
        Stage *stage = service_new(NULL);
        usec_t begin = clock_now_usec();

        run_until_ended(stage);
        CHECK(clock_now_usec() - begin >= WORKER_GRACE_USEC / 2);
        CHECK(clock_now_usec() - begin < WORKER_GRACE_USEC + TEST_PATIENCE(2));
        stage_free(stage);
}

static void test_a_channel_carries_one_session(void) {
        Stage *stage = service_new(NULL);
        Master master;
        HandoverReport report;

        master_init(&master, stage);
        master_join(&master);
        report = expect_report(&master, HANDOVER_JOINED);
        CHECK_STRING(report.master_name, "host1");
        CHECK_EQUAL(report.threads_allowed, N_THREADS);
        CHECK_EQUAL(report.threads_applied, N_THREADS);
        CHECK_EQUAL(master.n_threads, N_THREADS);
        RUN_UNTIL(stage, master.n_requests == 1);

        link_close(master.link, BYE_DONE, "no work");
        CHECK_STRING(expect_report(&master, HANDOVER_DONE).reason, "no work");
        RUN_UNTIL(stage, channel_ended(&master));

        /* the next one comes within the grace and finds the same process */
        master_join(&master);
        (void) expect_report(&master, HANDOVER_JOINED);
        run_for(stage, WORKER_GRACE_USEC + USEC_PER_SEC);
        CHECK(!stage_ended(stage) && !master.closed);
        link_close(master.link, BYE_DONE, "no work");
        run_until_ended(stage);
        master_done(&master);
        stage_free(stage);
}

static void test_two_masters_get_the_same_interval_each(void) {
        Stage *stage = service_new(NULL);
        Master masters[2];

        for (unsigned i = 0; i < 2; i++) {
                master_init(masters + i, stage);
                masters[i].acknowledge = true;
                master_join(masters + i);
                (void) expect_report(masters + i, HANDOVER_JOINED);
        }
        for (unsigned i = 0; i < 2; i++) {
                RUN_UNTIL(stage, masters[i].n_requests >= 1);
                for (unsigned k = 0; k < 3; k++)
                        master_lease(masters + i, 0, 6 * k, 6 * k + 6);
        }
        RUN_UNTIL(stage, master_count(masters, 0, 18) == 18 && master_count(masters + 1, 0, 18) == 18);
        for (unsigned b = 0; b < N_BLOCKS; b++)
                CHECK(masters[0].blocks[b] == masters[1].blocks[b] && masters[0].blocks[b] == (b < 18));
        for (unsigned i = 0; i < 2; i++)
                link_close(masters[i].link, BYE_DONE, "no work");
        run_until_ended(stage);
        for (unsigned i = 0; i < 2; i++)
                master_done(masters + i);
        stage_free(stage);
}

static void test_blocks_are_offered_to_their_own_master(void) {
        Stage *stage = service_new(NULL);
        Master master, other;

        master_init(&master, stage);
        master_init(&other, stage);
        master_join(&master);
        (void) expect_report(&master, HANDOVER_JOINED);
        RUN_UNTIL(stage, master.n_requests == 1);
        master_lease(&master, 0, 3, 6);
        RUN_UNTIL(stage, master.blocks[5]);
        master.link = link_free(master.link); /* it dies */
        (void) expect_report(&master, HANDOVER_LOST);
        RUN_UNTIL(stage, channel_ended(&master));

        /* another master with the same job gets nothing of it */
        other.acknowledge = true;
        master_join(&other);
        RUN_UNTIL(stage, other.n_requests == 1);
        link_close(other.link, BYE_DONE, "no work");
        CHECK_EQUAL(master_count(&other, 0, N_BLOCKS), 0);

        /* what is not acknowledged keeps the process */
        run_for(stage, WORKER_GRACE_USEC + USEC_PER_SEC);
        CHECK(!stage_ended(stage));

        memset(master.blocks, 0, sizeof master.blocks);
        master.acknowledge = true;
        master_join(&master);
        RUN_UNTIL(stage, master_count(&master, 0, N_BLOCKS) == 3);
        CHECK(master.blocks[3] && master.blocks[4] && master.blocks[5]);
        link_close(master.link, BYE_DONE, "no work");
        run_until_ended(stage);
        master_done(&master);
        master_done(&other);
        stage_free(stage);
}

static void test_a_closed_channel_ends_its_session_politely(void) {
        Stage *stage = service_new(NULL);
        Master master, other;

        master_init(&master, stage);
        master_init(&other, stage);
        master.acknowledge = true;
        master_join(&master);
        master_join(&other);
        RUN_UNTIL(stage, master.n_requests >= 1 && other.n_requests >= 1);
        for (unsigned k = 0; k < 3; k++)
                master_lease(&master, 0, 20 * k, 20 * k + 20);
        RUN_UNTIL(stage, master.blocks[0]);
        master.channel = fd_close(master.channel);
        RUN_UNTIL(stage, master.closed);
        CHECK_EQUAL(master.closed_error, 0);
        for (uint64_t b = 0; b < 60; b++)
                CHECK(master.blocks[b] + interval_set_contains(&master.handed_back, b) >= 1);
        CHECK(master.handed_back.n_members > 0 && !other.closed);

        worker_stop(stage->worker);
        (void) expect_report(&other, HANDOVER_JOINED);
        /* whoever hands over may do so again: to the next worker */
        while (!stage_ended(stage) && !other.closed)
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
        run_until_ended(stage);
        master_done(&master);
        master_done(&other);
        stage_free(stage);
}

static void test_one_session_per_master(void) {
        Stage *stage = service_new(NULL);
        Master first, second;

        master_init(&first, stage);
        master_init(&second, stage);
        identity_free(second.identity);
        second.identity = first.identity;
        master_join(&first);
        (void) expect_report(&first, HANDOVER_JOINED);
        master_hand_over(&second);
        (void) expect_report(&second, HANDOVER_DONE);
        RUN_UNTIL(stage, channel_ended(&second));
        CHECK(!second.hello && !first.closed);

        /* one that is on its way out makes room, and its blocks go to the new one */
        RUN_UNTIL(stage, first.n_requests == 1);
        master_lease(&first, 0, 0, 3);
        RUN_UNTIL(stage, master_count(&first, 0, 3) == 3);
        first.channel = fd_close(first.channel);
        run_for(stage, 200 * USEC_PER_MSEC);
        CHECK(!first.closed); /* it waits for the acknowledgements */
        second.acknowledge = true;
        master_join(&second);
        (void) expect_report(&second, HANDOVER_JOINED);
        RUN_UNTIL(stage, master_count(&second, 0, 3) == 3 && first.closed);
        CHECK(!second.closed);
        second.identity = NULL;
        master_done(&second);
        master_done(&first);
        stage_free(stage);
}

static void test_a_channel_that_brings_nothing_is_closed(void) {
        Stage *stage = service_new(NULL);
        int fd = open_channel(stage);
        char byte;

        RUN_UNTIL(stage, recv(fd, &byte, 1, MSG_DONTWAIT) == 0);
        run_until_ended(stage);
        (void) fd_close(fd);
        stage_free(stage);
}

static void test_config_changes_under_a_session(void) {
        Stage *stage = service_new("cores = 2;\n");
        Master master;

        master_init(&master, stage);
        master.acknowledge = true;
        master_join(&master);
        RUN_UNTIL(stage, master.n_requests == 1);
        CHECK_EQUAL(master.n_threads, N_THREADS);
        RUN_UNTIL(stage, master.state.threads_applied == 2);
        for (unsigned k = 0; k < 2; k++)
                master_lease(&master, 0, 30 * k, 30 * k + 30);
        RUN_UNTIL(stage, master.blocks[0]);

        /* fewer: the work goes on */
        save_config(stage, "cores = 1;\n");
        RUN_UNTIL(stage, master.state.threads_applied == 1);
        CHECK_EQUAL(master.state.threads_allowed, 1);
        CHECK(strstr(master.state.note, "cores"));
        CHECK_EQUAL(master.handed_back.n_members, 0);

        /* broken: what was in force stays */
        save_config(stage, "cores = ;\n");
        run_for(stage, USEC_PER_SEC);
        CHECK_EQUAL(master.state.threads_applied, 1);

        /* never: all comes back, the session stays */
        save_config(stage, "pause = { during = ( \"00:00-24:00\" ); };\n");
        RUN_UNTIL(stage, master.state.threads_applied == 0);
        CHECK(strstr(master.state.note, "during"));
        CHECK_EQUAL(master.state.threads_allowed, N_THREADS);
        for (uint64_t b = 0; b < 60; b++)
                RUN_UNTIL(stage, master.blocks[b] || interval_set_contains(&master.handed_back, b));
        CHECK(!master.closed);

        /* the key is taken out again: more than ever, in the same process (its request waits at the master as it is) */
        save_config(stage, "");
        RUN_UNTIL(stage, master.state.threads_applied == N_THREADS);
        master_lease(&master, 0, 60, 64);
        RUN_UNTIL(stage, master.blocks[63]);
        link_close(master.link, BYE_DONE, "no work");
        run_until_ended(stage);
        master_done(&master);
        stage_free(stage);
}

int main(void) {
        CHECK(setenv("CACHE_DIRECTORY", "/dev/null", 1) == 0); /* nothing is known of the machine, nor kept */
        RUN(test_ends_when_told);
        RUN(test_ends_when_told_during_a_session);
        RUN(test_ends_with_the_handover);
        RUN(test_ends_when_the_master_is_done);
        RUN(test_takes_another_master_when_one_vanishes);
        RUN(test_lets_a_second_master_go);
        RUN(test_a_broken_rule_is_a_refusal);
        RUN(test_service_without_masters_ends);
        RUN(test_a_channel_carries_one_session);
        RUN(test_two_masters_get_the_same_interval_each);
        RUN(test_blocks_are_offered_to_their_own_master);
        RUN(test_a_closed_channel_ends_its_session_politely);
        RUN(test_one_session_per_master);
        RUN(test_a_channel_that_brings_nothing_is_closed);
        RUN(test_config_changes_under_a_session);
        return tests_end();
}
