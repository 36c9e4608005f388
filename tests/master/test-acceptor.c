/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Inherited listening sockets: which are taken, and what comes through them. */

#include "master/acceptor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "test.h"

static unsigned n_taken;

static int listen_on(uint32_t address, int family, bool listening, uint16_t *ret_port) {
        struct sockaddr_storage storage = {};
        struct sockaddr_in *in = (struct sockaddr_in *) &storage;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &storage;
        socklen_t size = family == AF_INET ? sizeof *in : sizeof *in6;
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        storage.ss_family = (sa_family_t) family;
        if (family == AF_INET)
                in->sin_addr.s_addr = htonl(address);
        else
                in6->sin6_addr = in6addr_loopback;
        CHECK(bind(fd, (struct sockaddr *) &storage, size) == 0);
        CHECK(!listening || listen(fd, 128) == 0);
        CHECK(getsockname(fd, (struct sockaddr *) &storage, &size) == 0);
        if (ret_port)
                *ret_port = ntohs(family == AF_INET ? in->sin_port : in6->sin6_port);
        return fd;
}

static int connect_to(uint16_t port) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(fd >= 0 && connect(fd, (struct sockaddr *) &address, sizeof address) == 0);
        return fd;
}

/* Prepared, non-blocking, not inherited. */
static void on_connection(int fd, void *userdata) {
        int value = 0;
        socklen_t size = sizeof value;

        CHECK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0 && value);
        CHECK(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &size) == 0 && value);
        CHECK(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size) == 0);
        CHECK_EQUAL(value, 30000);
        CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
        CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        n_taken++;
        (void) fd_close(fd);
}

static const AcceptorSettings settings = { .on_connection = on_connection };

static void test_connections_come_through(void) {
        uint16_t port, port6;
        int fds[] = { listen_on(INADDR_LOOPBACK, AF_INET, true, &port), listen_on(0, AF_INET6, true, &port6) };
        int clients[200];
        Acceptor *acceptor = NULL;
        sd_event *event = NULL;

        CHECK(sd_event_new(&event) >= 0);
        CHECK_EQUAL(acceptor_new(event, fds, 2, &settings, &acceptor, NULL), 0);
        CHECK_EQUAL(acceptor_port(acceptor), port);
        CHECK(acceptor_is_loopback(acceptor));
        n_taken = 0;
        for (size_t i = 0; i < 120; i++)
                clients[i] = connect_to(port);
        for (unsigned i = 0; i < 20 && n_taken < 120; i++)
                CHECK(sd_event_run(event, 100000) >= 0);
        CHECK_EQUAL(n_taken, 120);
        for (size_t i = 0; i < 120; i++)
                (void) fd_close(clients[i]);
        CHECK(acceptor_free(acceptor) == NULL);
        CHECK(acceptor_free(NULL) == NULL);
        CHECK(fcntl(fds[0], F_GETFD) < 0 && errno == EBADF); /* they were its own */
        sd_event_unref(event);
}

static void test_the_port_is_that_others_reach(void) {
        uint16_t port;
        int local = listen_on(INADDR_LOOPBACK, AF_INET, true, NULL), all = listen_on(INADDR_ANY, AF_INET, true, &port);
        Acceptor *acceptor = NULL;
        sd_event *event = NULL;

        CHECK(sd_event_new(&event) >= 0);
        CHECK_EQUAL(acceptor_new(event, (int[]) { local, all }, 2, &settings, &acceptor, NULL), 0);
        CHECK_EQUAL(acceptor_port(acceptor), port);
        CHECK(!acceptor_is_loopback(acceptor));
        acceptor_free(acceptor);
        sd_event_unref(event);
}

static void check_refused(const int *fds, size_t n, int error, const char *word) {
        Problem problem = PROBLEM_NONE;
        Acceptor *acceptor = NULL;
        sd_event *event = NULL;

        CHECK(sd_event_new(&event) >= 0);
        CHECK_EQUAL(acceptor_new(event, fds, n, &settings, &acceptor, &problem), error);
        CHECK(strstr(problem.text, word));
        for (size_t i = 0; i < n; i++)
                CHECK(fcntl(fds[i], F_GETFD) < 0);
        sd_event_unref(event);
}

static void test_others_are_refused(void) {
        int pair[2], many[ACCEPTOR_SOCKETS_MAX + 1];

        check_refused(NULL, 0, -ENOENT, "primed-master.socket");
        check_refused((int[]) { listen_on(INADDR_LOOPBACK, AF_INET, false, NULL) }, 1, -EINVAL, "listening");
        check_refused((int[]) { listen_on(INADDR_LOOPBACK, AF_INET, true, NULL),
                                socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) }, 2, -EINVAL, "ListenStream=");
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        check_refused(pair, 2, -EINVAL, "TCP");
        check_refused((int[]) { open("/dev/null", O_RDONLY | O_CLOEXEC) }, 1, -EINVAL, "TCP");
        for (size_t i = 0; i < sizeof many / sizeof many[0]; i++)
                many[i] = listen_on(INADDR_LOOPBACK, AF_INET, true, NULL);
        check_refused(many, sizeof many / sizeof many[0], -E2BIG, "16");
}

int main(void) {
        RUN(test_connections_come_through);
        RUN(test_the_port_is_that_others_reach);
        RUN(test_others_are_refused);
        return tests_end();
}
