/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When a worker ends, and when it must not. */

#include "worker/worker.h"

#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "test.h"
#include "wire/link.h"

typedef struct Stage {
        sd_event *event;
        Worker *worker;
        int handover_fd; /* our end */
        Identity *identity;
        Link *link; /* of the master that the test plays */
        bool hello, closed;
} Stage;

static void on_ready(Link *link, void *userdata) {
}

static void on_message(Link *link, const Message *message, void *userdata) {
        Stage *stage = userdata;

        stage->hello = stage->hello || message->type == MESSAGE_HELLO;
}

static void on_closed(Link *link, int error, const char *reason, void *userdata) {
        Stage *stage = userdata;

        stage->closed = true;
}

static Stage *stage_new(void) {
        Stage *stage = calloc(1, sizeof *stage);
        int pair[2];

        CHECK(stage && sd_event_new(&stage->event) >= 0);
        CHECK(identity_new_ephemeral(&stage->identity, NULL) >= 0);
        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK(worker_new(stage->event, &(WorkerSettings) { .name = "test", .n_lanes = 1, .threads_max = 1,
                                                          .handover_fd = pair[0], .listen_fd = -1 },
                         &stage->worker, NULL) >= 0);
        stage->handover_fd = pair[1];
        return stage;
}

static void stage_free(Stage *stage) {
        link_free(stage->link);
        worker_free(stage->worker);
        (void) fd_close(stage->handover_fd);
        identity_free(stage->identity);
        sd_event_unref(stage->event);
        free(stage);
}

static bool stage_ended(const Stage *stage) {
        return sd_event_get_state(stage->event) == SD_EVENT_FINISHED;
}

/* Runs the loop until the flag is set, the worker ends, or 10 seconds are over. */
static void stage_run_until(Stage *stage, const bool *flag) {
        usec_t end = clock_now_usec() + 10 * USEC_PER_SEC;

        while (!stage_ended(stage) && !(flag && *flag) && clock_now_usec() < end)
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
}

/* A master appears. */
static void stage_hand_over(Stage *stage) {
        static const LinkCallbacks callbacks = {
                .on_ready = on_ready,
                .on_message = on_message,
                .on_closed = on_closed,
        };
        int pair[2];

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
        stage->hello = stage->closed = false;
        CHECK(link_new(stage->event, pair[0], LINK_SERVER, stage->identity, NULL, &callbacks, stage,
                       &stage->link) >= 0);
        CHECK(fd_send_descriptor(stage->handover_fd, "session", 7, pair[1]) >= 0);
        (void) fd_close(pair[1]);
        stage_run_until(stage, &stage->hello);
        CHECK(stage->hello);
}

static void test_ends_when_told(void) {
        Stage *stage = stage_new();

        worker_stop(stage->worker);
        stage_run_until(stage, NULL);
        CHECK(stage_ended(stage));
        stage_free(stage);
}

static void test_ends_when_told_during_a_session(void) {
        Stage *stage = stage_new();
        usec_t begin;

        stage_hand_over(stage);
        begin = clock_now_usec();
        worker_stop(stage->worker);
        stage_run_until(stage, NULL);
        CHECK(stage_ended(stage));
        CHECK(clock_now_usec() - begin < 6 * USEC_PER_SEC); /* promised: 2 s */
        stage_free(stage);
}

static void test_ends_with_the_handover(void) {
        Stage *stage = stage_new();

        stage_hand_over(stage);
        stage->handover_fd = fd_close(stage->handover_fd);
        stage_run_until(stage, NULL);
        CHECK(stage_ended(stage));
        stage_free(stage);
}

static void test_ends_when_the_master_is_done(void) {
        Stage *stage = stage_new();

        stage_hand_over(stage);
        link_close(stage->link, BYE_DONE, "the job is finished");
        stage_run_until(stage, NULL);
        CHECK(stage_ended(stage));
        stage_free(stage);
}

static void test_takes_another_master_when_one_vanishes(void) {
        Stage *stage = stage_new();

        stage_hand_over(stage);
        stage->link = link_free(stage->link);
        for (unsigned i = 0; i < 20; i++)
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
        CHECK(!stage_ended(stage));
        stage_hand_over(stage);
        stage_free(stage);
}

static void test_lets_a_second_master_go(void) {
        Stage *stage = stage_new();
        char byte;
        int pair[2];

        stage_hand_over(stage);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK(fd_send_descriptor(stage->handover_fd, "session", 7, pair[1]) >= 0);
        (void) fd_close(pair[1]);
        for (unsigned i = 0; i < 20; i++)
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
        CHECK(recv(pair[0], &byte, 1, MSG_DONTWAIT) == 0); /* closed, without a word */
        CHECK(!stage->closed && !stage_ended(stage));
        (void) fd_close(pair[0]);
        stage_free(stage);
}

int main(void) {
        RUN(test_ends_when_told);
        RUN(test_ends_when_told_during_a_session);
        RUN(test_ends_with_the_handover);
        RUN(test_ends_when_the_master_is_done);
        RUN(test_takes_another_master_when_one_vanishes);
        RUN(test_lets_a_second_master_go);
        return tests_end();
}
