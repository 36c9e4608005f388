/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scout/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "fixture.h"
#include "test.h"

static sd_event *event;
static char folder[] = "/tmp/primed-channel-XXXXXX", path[64];
static HandoverReport last;
static unsigned n_reports, n_closed;
static Channel *channel;

static void on_report(Channel *one, const HandoverReport *report, void *userdata) {
        CHECK(one == channel && userdata == &n_reports);
        last = *report;
        n_reports++;
}

static void on_closed(Channel *one, void *userdata) {
        CHECK(one == channel);
        n_closed++;
        channel = channel_free(channel);
}

static const ChannelCallbacks callbacks = { .on_report = on_report, .on_closed = on_closed };

static int listener_unix(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        (void) unlink(path);
        memcpy(address.sun_path, path, sizeof path);
        CHECK(fd >= 0 && bind(fd, (struct sockaddr *) &address, sizeof address) == 0 && listen(fd, 4) == 0);
        return fd;
}

static void settle(void) {
        while (sd_event_run(event, 20 * USEC_PER_MSEC) > 0)
                ;
}

static void send_report(int fd, const HandoverReport *report) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        CHECK(handover_encode(report, &text, &size) == 0 && send(fd, text, size, 0) == (ssize_t) size);
}

static void test_descriptor_and_reports(void) {
        _cleanup_close_ int listener = listener_unix(), worker = -1, passed = -1;
        HandoverReport report = fixture_report(HANDOVER_JOINED, 'a');
        char datagram[64] = "";
        int pair[2];

        n_reports = n_closed = 0;
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        CHECK(channel_new(event, path, pair[1], "10.0.0.1:7919", &callbacks, NULL, &channel) == 0);
        channel_set_userdata(channel, &n_reports);
        (void) close(pair[1]);

        worker = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(worker >= 0 && fd_receive_descriptor(worker, datagram, sizeof datagram, &passed) > 0 && passed >= 0);
        CHECK_STRING(datagram, "10.0.0.1:7919");
        CHECK(send(passed, "x", 1, 0) == 1 && recv(pair[0], datagram, 1, 0) == 1);

        send_report(worker, &report);
        CHECK(send(worker, "nonsense", 8, 0) == 8);
        report.event = HANDOVER_STATE;
        report.threads_applied = 1;
        send_report(worker, &report);
        settle();
        CHECK(n_reports == 2 && n_closed == 0 && last.event == HANDOVER_STATE && last.threads_applied == 1);

        /* The last report still comes when the end is there too. */
        report.event = HANDOVER_LOST;
        send_report(worker, &report);
        worker = fd_close(worker);
        settle();
        CHECK(n_reports == 3 && last.event == HANDOVER_LOST && n_closed == 1 && !channel);
        (void) close(pair[0]);
}

static void test_freeing_ends_the_session(void) {
        _cleanup_close_ int listener = listener_unix(), worker = -1, passed = -1;
        char byte;

        CHECK(channel_new(event, path, listener, "x", &callbacks, &n_reports, &channel) == 0);
        worker = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(fd_receive_descriptor(worker, &byte, 1, &passed) > 0);
        channel = channel_free(channel);
        CHECK(recv(worker, &byte, 1, 0) == 0);
}

static void test_nobody_there(void) {
        int listener = listener_unix();

        (void) close(listener);
        CHECK_EQUAL(channel_new(event, path, 0, "x", &callbacks, NULL, &channel), -ECONNREFUSED);
        CHECK(unlink(path) == 0);
        CHECK_EQUAL(channel_new(event, path, 0, "x", &callbacks, NULL, &channel), -ENOENT);
        CHECK(!channel);
}

static void test_full_queue_does_not_block(void) {
        _cleanup_close_ int listener = listener_unix();
        Channel *channels[64] = {};
        int r = 0;

        CHECK(listener >= 0);
        for (size_t i = 0; i < 64 && r == 0; i++)
                r = channel_new(event, path, 0, "x", &callbacks, NULL, channels + i);
        CHECK_EQUAL(r, -EAGAIN);
        for (size_t i = 0; i < 64; i++)
                channel_free(channels[i]);
}

int main(void) {
        CHECK(sd_event_new(&event) >= 0 && mkdtemp(folder));
        (void) snprintf(path, sizeof path, "%s/worker.sock", folder);
        RUN(test_descriptor_and_reports);
        RUN(test_freeing_ends_the_session);
        RUN(test_nobody_there);
        RUN(test_full_queue_does_not_block);
        (void) unlink(path);
        (void) rmdir(folder);
        sd_event_unref(event);
        return tests_end();
}
