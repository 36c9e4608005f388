/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connections of workers. */

#include "master/acceptor.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define BATCH 64 /* connections that are taken before other events get their turn */
#define PAUSE_USEC USEC_PER_SEC
/* A peer that vanished is noticed by then, whether or not anything is under way to it. */
#define KEEPALIVE_IDLE_S 20
#define KEEPALIVE_INTERVAL_S 5
#define USER_TIMEOUT_MS 30000

struct Acceptor {
        AcceptorSettings settings;
        sd_event_source *timer;
        sd_event_source *sources[ACCEPTOR_SOCKETS_MAX]; /* own the descriptors */
        size_t n_sources;
        uint16_t port;
        bool reachable;
        bool told; /* of the present pause */
};

DEFINE_TRIVIAL_CLEANUP_FUNC(Acceptor *, acceptor_free);

static bool address_is_loopback(const struct sockaddr_storage *address) {
        if (address->ss_family == AF_INET)
                return ntohl(((const struct sockaddr_in *) address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *) address)->sin6_addr);
}

static int acceptor_look_at(Acceptor *acceptor, int fd, Problem *problem) {
        struct sockaddr_storage address = {};
        socklen_t size = sizeof address;
        uint16_t port;

        if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0 ||
            getsockname(fd, (struct sockaddr *) &address, &size) < 0 ||
            (address.ss_family != AF_INET && address.ss_family != AF_INET6))
                return problem_set(problem, EINVAL, "The descriptor %d that was handed over is not a listening TCP "
                                   "socket: look at ListenStream= of primed-master.socket.", fd);
        port = address.ss_family == AF_INET ? ntohs(((struct sockaddr_in *) &address)->sin_port) :
                                              ntohs(((struct sockaddr_in6 *) &address)->sin6_port);
        if (acceptor->port == 0 || (!acceptor->reachable && !address_is_loopback(&address)))
                acceptor->port = port;
        acceptor->reachable |= !address_is_loopback(&address);
        return 0;
}

static void acceptor_enable(Acceptor *acceptor, bool enabled) {
        for (size_t i = 0; i < acceptor->n_sources; i++)
                (void) sd_event_source_set_enabled(acceptor->sources[i], enabled ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int acceptor_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        acceptor_enable(userdata, true);
        return 0;
}

static void acceptor_pause(Acceptor *acceptor, int error) {
        if (!acceptor->told)
                log_warning_errno(error, "No connection can be taken for now (%m); those that come wait");
        acceptor->told = true;
        acceptor_enable(acceptor, false);
        (void) sd_event_source_set_time(acceptor->timer, clock_now_usec() + PAUSE_USEC);
        (void) sd_event_source_set_enabled(acceptor->timer, SD_EVENT_ONESHOT);
}

static void connection_prepare(int fd) {
        static const struct {
                int level, option, value;
        } options[] = {
                { IPPROTO_TCP, TCP_NODELAY, 1 },
                { SOL_SOCKET, SO_KEEPALIVE, 1 },
                { IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S },
                { IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S },
                { IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS },
        };

        /* The link's own heartbeat does without them. */
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                (void) setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof options[i].value);
}

static int acceptor_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Acceptor *acceptor = userdata;

        for (unsigned i = 0; i < BATCH; i++) {
                int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (connection >= 0) {
                        acceptor->told = false;
                        connection_prepare(connection);
                        acceptor->settings.on_connection(connection, acceptor->settings.userdata);
                } else if (errno == EAGAIN) {
                        break;
                } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM ||
                           errno == EINVAL) { /* the last: somebody has shut the socket down */
                        acceptor_pause(acceptor, errno);
                        break;
                } /* else the connection broke before it was taken: accept(2) lists the errors */
        }
        return 0;
}

/* Takes the descriptor. */
static int acceptor_add(Acceptor *acceptor, sd_event *event, int fd) {
        sd_event_source *source;
        int r;

        (void) fd_set_cloexec(fd, true);
        r = fd_set_nonblocking(fd, true);
        if (r >= 0)
                r = sd_event_add_io(event, &source, fd, EPOLLIN, acceptor_on_io, acceptor);
        if (r < 0) {
                (void) fd_close(fd);
                return r;
        }
        (void) sd_event_source_set_io_fd_own(source, true);
        acceptor->sources[acceptor->n_sources++] = source;
        return 0;
}

int acceptor_new(sd_event *event, const int fds[], size_t n, const AcceptorSettings *settings, Acceptor **ret,
                 Problem *problem) {
        _cleanup_(acceptor_freep) Acceptor *acceptor = calloc(1, sizeof *acceptor);
        size_t i = 0;
        int r = 0;

        if (!acceptor)
                r = problem_set(problem, ENOMEM, "Out of memory.");
        else if (n == 0)
                r = problem_set(problem, ENOENT, "No listening socket was handed over: start primed-master by its "
                                "socket ('systemctl start primed-master.socket').");
        else if (n > ACCEPTOR_SOCKETS_MAX)
                r = problem_set(problem, E2BIG, "%zu listening sockets were handed over, %d are the most: take some "
                                "ListenStream= out of primed-master.socket.", n, ACCEPTOR_SOCKETS_MAX);
        if (r >= 0) {
                acceptor->settings = *settings;
                r = sd_event_add_time(event, &acceptor->timer, CLOCK_BOOTTIME, 0, 0, acceptor_on_timer, acceptor);
                if (r >= 0)
                        r = sd_event_source_set_enabled(acceptor->timer, SD_EVENT_OFF);
        }
        for (; r >= 0 && i < n; i++) {
                r = acceptor_look_at(acceptor, fds[i], problem);
                if (r < 0)
                        break;
                r = acceptor_add(acceptor, event, fds[i]);
        }
        for (; i < n; i++)
                (void) fd_close(fds[i]);
        if (r < 0)
                return problem_set(problem, r, "The listening sockets cannot be watched: %m.");
        *ret = TAKE_PTR(acceptor);
        return 0;
}

Acceptor *acceptor_free(Acceptor *acceptor) {
        if (!acceptor)
                return NULL;
        for (size_t i = 0; i < acceptor->n_sources; i++)
                sd_event_source_disable_unref(acceptor->sources[i]);
        sd_event_source_disable_unref(acceptor->timer);
        free(acceptor);
        return NULL;
}

uint16_t acceptor_port(const Acceptor *acceptor) {
        return acceptor->port;
}

bool acceptor_is_loopback(const Acceptor *acceptor) {
        return !acceptor->reachable;
}
