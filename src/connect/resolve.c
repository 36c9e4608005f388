/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One child for one name; its answer comes through a pipe. */

#include "connect/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"

typedef struct ResolveAnswer {
        char reason[256];
        size_t n_addresses;
        Address addresses[RESOLVE_ADDRESSES_MAX];
} ResolveAnswer;

struct Resolve {
        sd_event_source *source;
        int fd;
        pid_t child;
        ResolveDone on_done;
        void *userdata;
        ResolveAnswer answer;
        size_t received;
};

static void resolve_ask(const char *host, uint16_t port, ResolveAnswer *answer) {
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *list = NULL;
        char service[8];
        int r;

        (void) snprintf(service, sizeof service, "%u", port);
        r = getaddrinfo(host, service, &hints, &list);
        if (r != 0) {
                (void) snprintf(answer->reason, sizeof answer->reason, "%s",
                                r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
                return;
        }
        for (struct addrinfo *one = list; one && answer->n_addresses < RESOLVE_ADDRESSES_MAX; one = one->ai_next) {
                Address *address = answer->addresses + answer->n_addresses;

                if (one->ai_family != AF_INET && one->ai_family != AF_INET6)
                        continue;
                memcpy(address, one->ai_addr, MIN((size_t) one->ai_addrlen, sizeof *address));
                answer->n_addresses++;
        }
        if (answer->n_addresses == 0)
                (void) snprintf(answer->reason, sizeof answer->reason, "has no address");
        freeaddrinfo(list);
}

__attribute__((__noreturn__)) static void resolve_child(int fd, pid_t parent, const char *host, uint16_t port) {
        ResolveAnswer answer = {};
        sigset_t none;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        /* Sessions end when their last descriptor is closed: none may stay open here. */
        if (dup2(fd, STDERR_FILENO + 1) < 0)
                _exit(EXIT_FAILURE);
        closefrom(STDERR_FILENO + 2);
        resolve_ask(host, port, &answer);
        _exit(fd_write_all(STDERR_FILENO + 1, &answer, sizeof answer) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void resolve_reap(Resolve *resolve) {
        if (resolve->child <= 0)
                return;
        (void) kill(resolve->child, SIGKILL);
        while (waitpid(resolve->child, NULL, 0) < 0 && errno == EINTR)
                ;
        resolve->child = 0;
}

static int resolve_on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Resolve *resolve = userdata;
        ResolveAnswer *answer = &resolve->answer;
        ssize_t n;

        n = read(fd, (char *) answer + resolve->received, sizeof *answer - resolve->received);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n > 0)
                resolve->received += (size_t) n;
        if (n > 0 && resolve->received < sizeof *answer)
                return 0;
        if (resolve->received < sizeof *answer)
                *answer = (ResolveAnswer) { .reason = "the resolver died" };
        (void) sd_event_source_set_enabled(resolve->source, SD_EVENT_OFF);
        resolve_reap(resolve);
        resolve->on_done(resolve, answer->addresses, answer->n_addresses, answer->reason, resolve->userdata);
        return 0;
}

static int resolve_fork(Resolve *resolve, const char *host, uint16_t port) {
        _cleanup_close_ int write_fd = -1;
        pid_t parent = getpid();
        int pair[2];

        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        resolve->fd = pair[0];
        write_fd = pair[1];
        resolve->child = fork();
        if (resolve->child < 0)
                return -errno;
        if (resolve->child == 0)
                resolve_child(write_fd, parent, host, port);
        return fd_set_nonblocking(resolve->fd, true);
}

int resolve_new(sd_event *event, const char *host, uint16_t port, ResolveDone on_done, void *userdata, Resolve **ret) {
        _cleanup_(resolve_freep) Resolve *resolve = malloc(sizeof *resolve);
        int r;

        if (!resolve)
                return -ENOMEM;
        *resolve = (Resolve) { .fd = -1, .on_done = on_done, .userdata = userdata };
        r = resolve_fork(resolve, host, port);
        if (r >= 0)
                r = sd_event_add_io(event, &resolve->source, resolve->fd, EPOLLIN, resolve_on_readable, resolve);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(resolve);
        return 0;
}

Resolve *resolve_free(Resolve *resolve) {
        if (!resolve)
                return NULL;
        sd_event_source_disable_unref(resolve->source);
        (void) fd_close(resolve->fd);
        resolve_reap(resolve);
        free(resolve);
        return NULL;
}
