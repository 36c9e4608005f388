/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is set up before the event loop. */

#include "base/daemon.h"

#include <signal.h>

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

int main(void) {
        RUN(test_signals_wait_for_the_loop);
        RUN(test_broken_pipes_are_errors);
        return tests_end();
}
