/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Descriptors come in, reports go out, and neither gets lost at the end. */

#include "worker/handover-channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "test.h"

typedef struct Stage {
        sd_event *event;
        HandoverChannel *channel;
        int fd; /* our end */
        unsigned n_descriptors, n_closed;
        bool free_on_descriptor;
} Stage;

static void on_descriptor(HandoverChannel *channel, int fd, void *userdata) {
        Stage *stage = userdata;

        stage->n_descriptors++;
        (void) fd_close(fd);
        if (stage->free_on_descriptor)
                stage->channel = handover_channel_free(channel);
}

static void on_closed(HandoverChannel *channel, void *userdata) {
        Stage *stage = userdata;

        stage->n_closed++;
        stage->channel = handover_channel_free(channel);
}

static void stage_init(Stage *stage) {
        static const HandoverChannelCallbacks callbacks = { .on_descriptor = on_descriptor, .on_closed = on_closed };
        int pair[2];

        *stage = (Stage) {};
        CHECK(sd_event_new(&stage->event) >= 0);
        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK(handover_channel_new(stage->event, pair[0], &callbacks, stage, &stage->channel) >= 0);
        stage->fd = pair[1];
}

static void stage_done(Stage *stage) {
        handover_channel_free(stage->channel);
        (void) fd_close(stage->fd);
        sd_event_unref(stage->event);
}

static void stage_run(Stage *stage) {
        while (sd_event_run(stage->event, 20 * USEC_PER_MSEC) > 0)
                ;
}

static void hand_over(Stage *stage) {
        int pair[2];

        CHECK(pipe(pair) == 0);
        CHECK(fd_send_descriptor(stage->fd, "session", 7, pair[0]) >= 0);
        (void) fd_close(pair[0]);
        (void) fd_close(pair[1]);
}

static HandoverReport receive(Stage *stage) {
        char datagram[HANDOVER_SIZE_MAX];
        HandoverReport report;
        ssize_t n = recv(stage->fd, datagram, sizeof datagram, MSG_DONTWAIT);

        CHECK(n > 0 && handover_decode(datagram, (size_t) n, &report) == 0);
        return report;
}

static void test_in_and_out(void) {
        Stage stage;

        stage_init(&stage);
        hand_over(&stage);
        hand_over(&stage);
        stage_run(&stage);
        CHECK_EQUAL(stage.n_descriptors, 2);
        handover_channel_report(stage.channel, &(HandoverReport) { .event = HANDOVER_LOST, .reason = "cable" });
        CHECK_STRING(receive(&stage).reason, "cable");
        stage_done(&stage);
}

static void test_a_datagram_without_descriptor_is_no_end(void) {
        Stage stage;

        stage_init(&stage);
        CHECK(send(stage.fd, "session", 7, 0) == 7);
        hand_over(&stage);
        stage_run(&stage);
        CHECK_EQUAL(stage.n_descriptors, 1);
        CHECK_EQUAL(stage.n_closed, 0);
        stage_done(&stage);
}

static void test_what_was_sent_before_the_end_arrives(void) {
        Stage stage;

        stage_init(&stage);
        hand_over(&stage);
        stage.fd = fd_close(stage.fd);
        stage_run(&stage);
        CHECK_EQUAL(stage.n_descriptors, 1);
        CHECK_EQUAL(stage.n_closed, 1);
        stage_done(&stage);
}

/* The last report is readable although we never read what the other side sent. */
static void test_the_last_report_survives_the_end(void) {
        Stage stage;
        char byte;

        stage_init(&stage);
        hand_over(&stage);
        handover_channel_report(stage.channel, &(HandoverReport) { .event = HANDOVER_DONE, .reason = "no work" });
        stage.channel = handover_channel_free(stage.channel);
        CHECK(receive(&stage).event == HANDOVER_DONE);
        CHECK_EQUAL(recv(stage.fd, &byte, 1, MSG_DONTWAIT), 0);
        stage_done(&stage);
}

static void test_may_be_freed_from_its_callback(void) {
        Stage stage;

        stage_init(&stage);
        stage.free_on_descriptor = true;
        hand_over(&stage);
        hand_over(&stage);
        stage_run(&stage);
        CHECK_EQUAL(stage.n_descriptors, 1);
        stage_done(&stage);
}

/* Nobody reads: reports are lost, and nothing waits. */
static void test_never_waits(void) {
        usec_t begin = clock_now_usec();
        Stage stage;

        stage_init(&stage);
        for (unsigned i = 0; i < 100000; i++)
                handover_channel_report(stage.channel, &(HandoverReport) { .event = HANDOVER_STATE });
        CHECK(clock_now_usec() - begin < TEST_PATIENCE(20));
        stage_done(&stage);
}

int main(void) {
        RUN(test_in_and_out);
        RUN(test_a_datagram_without_descriptor_is_no_end);
        RUN(test_what_was_sent_before_the_end_arrives);
        RUN(test_the_last_report_survives_the_end);
        RUN(test_may_be_freed_from_its_callback);
        RUN(test_never_waits);
        return tests_end();
}
