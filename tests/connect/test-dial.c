/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "connect/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>

#include "base/fd.h"
#include "listener.h"
#include "test.h"

static sd_event *event;
static DialResult got;
static char got_host[256], got_reason[512];
static unsigned n_results;
static const Address *unwanted;

static void on_done(Dial *dial, const DialResult *result, void *userdata) {
        got = *result;
        (void) snprintf(got_host, sizeof got_host, "%s", result->host ? result->host : "");
        (void) snprintf(got_reason, sizeof got_reason, "%s", result->reason);
        n_results++;
}

static bool is_unwanted(const Address *address, void *userdata) {
        return unwanted && address_equal(address, unwanted);
}

/* Dials and waits for the end. */
static int dial(const Address *addresses, size_t n_addresses, const DialName *names, size_t n_names) {
        const DialRequest request = {
                .addresses = addresses,
                .n_addresses = n_addresses,
                .names = names,
                .n_names = n_names,
                .is_unwanted = is_unwanted,
                .on_done = on_done,
        };
        _cleanup_(dial_freep) Dial *one = NULL;

        n_results = 0;
        CHECK(dial_new(event, &request, &one) == 0);
        CHECK(n_results == 0);
        while (n_results == 0)
                CHECK(sd_event_run(event, 20 * USEC_PER_SEC) > 0);
        while (sd_event_run(event, 0) > 0)
                ;
        CHECK(n_results == 1);
        return got.fd;
}

static void check_connected(int fd, int listener) {
        _cleanup_close_ int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        char byte = 0;

        CHECK(fd >= 0 && peer >= 0);
        CHECK(send(peer, "x", 1, 0) == 1);
        CHECK(fd_set_nonblocking(fd, false) == 0 && recv(fd, &byte, 1, 0) == 1 && byte == 'x');
        (void) fd_close(fd);
}

static void test_one_address(void) {
        Address address = {};
        _cleanup_close_ int listener = listener_new("127.0.0.1", &address);

        check_connected(dial(&address, 1, NULL, 0), listener);
        CHECK(address_equal(&got.peer, &address) && got_host[0] == '\0');
}

static void test_ipv6(void) {
        Address address = {};
        _cleanup_close_ int listener = listener_new("::1", &address);

        check_connected(dial(&address, 1, NULL, 0), listener);
        CHECK(address_equal(&got.peer, &address));
}

static void test_refused_ones_are_passed_over_at_once(void) {
        Address addresses[4] = {
                listener_closed("127.0.0.1"), listener_closed("127.0.0.2"), listener_closed("127.0.0.3"), {},
        };
        _cleanup_close_ int listener = listener_new("127.0.0.4", addresses + 3);
        usec_t began = clock_now_usec();

        check_connected(dial(addresses, 4, NULL, 0), listener);
        CHECK(address_equal(&got.peer, addresses + 3));
        CHECK(clock_now_usec() - began < TEST_PATIENCE(2));
}

/* A listener whose queue is full drops what comes: as silent as a host that is switched off. */
static void test_silent_ones_are_overtaken(void) {
        Address addresses[2] = {};
        _cleanup_close_ int silent = listener_new("127.0.0.1", addresses);
        _cleanup_close_ int listener = listener_new("127.0.0.2", addresses + 1);
        int fillers[8];
        usec_t began;

        CHECK(listen(silent, 0) == 0);
        for (size_t i = 0; i < 8; i++) {
                fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                (void) connect(fillers[i], &addresses[0].any, address_size(addresses));
        }
        began = clock_now_usec();
        check_connected(dial(addresses, 2, NULL, 0), listener);
        CHECK(address_equal(&got.peer, addresses + 1));
        CHECK(clock_now_usec() - began >= DIAL_STAGGER_USEC / 2);
        CHECK(clock_now_usec() - began < DIAL_DEADLINE_USEC / 2);
        for (size_t i = 0; i < 8; i++)
                (void) close(fillers[i]);
}

static void test_failure_names_place_and_cause(void) {
        Address address = listener_closed("127.0.0.1");
        char text[ADDRESS_TEXT_SIZE], expected[200];

        CHECK(dial(&address, 1, NULL, 0) < 0);
        (void) snprintf(expected, sizeof expected, "%s: Connection refused", address_text(&address, text));
        CHECK_STRING(got_reason, expected);
        CHECK(dial(NULL, 0, NULL, 0) < 0);
        CHECK_STRING(got_reason, "there is no address to try");
}

static void test_names(void) {
        Address address = {};
        _cleanup_close_ int listener = listener_new("127.0.0.1", &address);
        DialName names[] = {
                { .host = "fe80::1%no-such-one", .port = 7919 },
                { .host = "localhost", .port = listener_port(&address) },
        };

        check_connected(dial(NULL, 0, names, 2), listener);
        CHECK_STRING(got_host, "localhost");
        CHECK_EQUAL(got.port, listener_port(&address));
        CHECK(dial(NULL, 0, names, 1) < 0);
        CHECK_STRING(got_reason, "fe80::1%no-such-one: No such device");

        names[0] = (DialName) { .host = "127.0.0.1", .port = listener_port(&address) };
        check_connected(dial(NULL, 0, names, 1), listener);
        CHECK_STRING(got_host, "127.0.0.1");
}

static void test_unknown_name(void) {
        DialName name = { .host = "no-such-host.invalid", .port = 7919 };

        CHECK(dial(NULL, 0, &name, 1) < 0);
        CHECK(strncmp(got_reason, "no-such-host.invalid: ", 22) == 0 && got_reason[22] != '\0');
}

static void test_unwanted(void) {
        Address addresses[2] = {};
        _cleanup_close_ int first = listener_new("127.0.0.1", addresses);
        _cleanup_close_ int second = listener_new("127.0.0.2", addresses + 1);

        CHECK(first >= 0);
        unwanted = addresses;
        check_connected(dial(addresses, 2, NULL, 0), second);
        CHECK(dial(addresses, 1, NULL, 0) < 0);
        CHECK(strstr(got_reason, "another master"));
        unwanted = NULL;
}

static void test_freed_in_the_middle(void) {
        DialName names[] = { { .host = "localhost", .port = 1 }, { .host = "::1", .port = 1 } };
        Address address = listener_closed("127.0.0.1");
        const DialRequest request = {
                .addresses = &address, .n_addresses = 1, .names = names, .n_names = 2, .on_done = on_done,
        };

        n_results = 0;
        for (unsigned i = 0; i < 4; i++) {
                Dial *one = NULL;

                CHECK(dial_new(event, &request, &one) == 0);
                for (unsigned k = 0; k < i; k++)
                        (void) sd_event_run(event, 0);
                one = dial_free(one);
        }
        while (sd_event_run(event, 50 * USEC_PER_MSEC) > 0)
                ;
        CHECK(n_results <= 1);
}

static int option_of(int fd, int level, int option) {
        socklen_t size = sizeof(int);
        int value = -1;

        CHECK(getsockopt(fd, level, option, &value, &size) == 0);
        return value;
}

static void test_socket_options(void) {
        Address address = {};
        _cleanup_close_ int listener = listener_new("127.0.0.1", &address), fd = dial(&address, 1, NULL, 0);

        CHECK(listener >= 0 && dial_prepare_socket(fd) == 0);
        CHECK(option_of(fd, IPPROTO_TCP, TCP_NODELAY) != 0 && option_of(fd, SOL_SOCKET, SO_KEEPALIVE) != 0);
        CHECK(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) > 0);
        CHECK(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) <= 60000);
        CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

int main(void) {
        Address address = {};
        int six = listener_new("::1", &address);

        CHECK(sd_event_new(&event) >= 0);
        RUN(test_one_address);
        if (six >= 0)
                RUN(test_ipv6);
        else
                SKIP(test_ipv6, "no ::1 here");
        RUN(test_refused_ones_are_passed_over_at_once);
        RUN(test_silent_ones_are_overtaken);
        RUN(test_failure_names_place_and_cause);
        RUN(test_names);
        RUN(test_unknown_name);
        RUN(test_unwanted);
        RUN(test_freed_in_the_middle);
        RUN(test_socket_options);
        (void) fd_close(six);
        sd_event_unref(event);
        return tests_end();
}
