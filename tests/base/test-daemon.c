/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is set up before the event loop. */

#include "base/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test.h"

static void test_signals_wait_for_the_loop(void) {
        sigset_t mask;

        daemon_prepare();
        CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
        CHECK(sigismember(&mask, SIGTERM) == 1);
        CHECK(sigismember(&mask, SIGINT) == 1);
        CHECK(sigismember(&mask, SIGHUP) == 1);
        CHECK(sigismember(&mask, SIGCHLD) == 0);
}

static void test_broken_pipes_are_errors(void) {
        struct sigaction action;

        CHECK(sigaction(SIGPIPE, NULL, &action) == 0);
        CHECK(action.sa_handler == SIG_IGN);
}

static void test_limited_file_sizes_are_errors(void) {
        struct sigaction action;

        CHECK(sigaction(SIGXFSZ, NULL, &action) == 0);
        CHECK(action.sa_handler == SIG_IGN);
        (void) signal(SIGXFSZ, SIG_DFL);
        process_prepare();
        CHECK(sigaction(SIGXFSZ, NULL, &action) == 0);
        CHECK(action.sa_handler == SIG_IGN);
}

static void test_reloading_comes_with_its_time(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        socklen_t size = sizeof(sa_family_t); /* the kernel chooses an abstract name */
        char name[sizeof address.sun_path + 1] = "", text[256];
        unsigned long long usec = 0;
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ssize_t n;

        CHECK(fd >= 0);
        CHECK(bind(fd, (struct sockaddr *) &address, size) == 0);
        size = sizeof address;
        CHECK(getsockname(fd, (struct sockaddr *) &address, &size) == 0);
        memcpy(name, address.sun_path, size - sizeof(sa_family_t));
        name[0] = '@';
        CHECK(setenv("NOTIFY_SOCKET", name, 1) == 0);
        daemon_tell_reloading();
        (void) unsetenv("NOTIFY_SOCKET");
        n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
        CHECK(n > 0);
        text[n] = '\0';
        CHECK(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%llu", &usec) == 1 && usec > 0);
        (void) close(fd);
}

int main(void) {
        RUN(test_signals_wait_for_the_loop);
        RUN(test_broken_pipes_are_errors);
        RUN(test_limited_file_sizes_are_errors);
        RUN(test_reloading_comes_with_its_time);
        return tests_end();
}
