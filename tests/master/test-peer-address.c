/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a connection tells of its other end. Another host's is played in a network namespace of the test's own, by a
 * connection between two addresses that are not 127.0.0.1's.
 */

#include "master/peer-address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "test.h"

typedef struct Connection {
        int client, server; /* the accepted end */
} Connection;

static struct sockaddr_in6 address_of(const char *text) {
        struct sockaddr_in6 address = { .sin6_family = AF_INET6 };

        CHECK(inet_pton(AF_INET6, text, &address.sin6_addr) == 1);
        return address;
}

/* From one address to the other; IPv4 ones are written as mapped, as they come out of a socket for both. */
static bool connection_init(Connection *connection, const char *from, const char *to) {
        struct sockaddr_in6 source = address_of(from), target = address_of(to);
        socklen_t size = sizeof target;
        int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

        connection->client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (listener < 0 || bind(listener, (struct sockaddr *) &target, sizeof target) < 0) {
                (void) fd_close(listener);
                (void) fd_close(connection->client);
                return false;
        }
        CHECK(listen(listener, 1) >= 0);
        CHECK(getsockname(listener, (struct sockaddr *) &target, &size) >= 0);
        CHECK(bind(connection->client, (struct sockaddr *) &source, sizeof source) >= 0);
        CHECK(connect(connection->client, (struct sockaddr *) &target, sizeof target) >= 0);
        connection->server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK(connection->server >= 0);
        (void) fd_close(listener);
        return true;
}

static void connection_done(Connection *connection) {
        (void) fd_close(connection->client);
        (void) fd_close(connection->server);
}

static void check_connection(const char *from, const char *to, const char *expected, bool remote) {
        char text[PEER_ADDRESS_SIZE];
        Connection connection;

        CHECK(connection_init(&connection, from, to));
        CHECK_EQUAL(peer_address(connection.server, text), remote);
        CHECK_STRING(text, expected);
        connection_done(&connection);
}

static void test_unix_sockets_have_none(void) {
        char text[PEER_ADDRESS_SIZE] = "something";
        int pair[2];

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
        CHECK(!peer_address(pair[0], text));
        CHECK_STRING(text, "");
        (void) fd_close(pair[0]);
        (void) fd_close(pair[1]);
        CHECK(!peer_address(-1, text));
        CHECK_STRING(text, "");
}

static void test_the_loopback_is_this_host(void) {
        check_connection("::ffff:127.0.0.1", "::ffff:127.0.0.1", "127.0.0.1", false);
        check_connection("::ffff:127.0.0.2", "::ffff:127.0.0.1", "127.0.0.2", false);
}

static void test_the_loopback_of_ipv6(void) {
        check_connection("::1", "::1", "::1", false);
}

static void test_other_addresses(void) {
        check_connection("::ffff:10.1.2.3", "::ffff:10.1.2.3", "10.1.2.3", false); /* a host to itself */
        check_connection("::ffff:10.1.2.4", "::ffff:10.1.2.3", "10.1.2.4", true);
}

static bool has_ipv6(void) {
        Connection connection;

        if (!connection_init(&connection, "::1", "::1"))
                return false;
        connection_done(&connection);
        return true;
}

/* A namespace whose loopback interface is 10.0.0.0/8 too. */
static bool enter_namespace(void) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a010203) };
        struct ifreq request = { .ifr_name = "lo" };
        int fd, r;

        if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
                return false;
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        memcpy(&request.ifr_addr, &address, sizeof address);
        r = ioctl(fd, SIOCSIFADDR, &request);
        request.ifr_flags = IFF_UP;
        if (r >= 0)
                r = ioctl(fd, SIOCSIFFLAGS, &request);
        (void) fd_close(fd);
        return r >= 0;
}

int main(void) {
        RUN(test_unix_sockets_have_none);
        RUN(test_the_loopback_is_this_host);
        if (has_ipv6())
                RUN(test_the_loopback_of_ipv6);
        else
                SKIP(test_the_loopback_of_ipv6, "no IPv6 here");
        if (enter_namespace())
                RUN(test_other_addresses);
        else
                SKIP(test_other_addresses, "no network namespaces here");
        return tests_end();
}
