/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ctl/child-process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"
#include "test.h"

/* Runs a shell with `fds` and waits for its end. */
static siginfo_t run_shell(const int *fds, unsigned n_fds, const char *script) {
        char *argv[] = { (char *) "/bin/sh", (char *) "-c", (char *) script, NULL };
        siginfo_t info = {};
        pid_t pid;

        CHECK(child_start(fds, n_fds, argv, &pid) == 0);
        CHECK(waitid(P_PID, (id_t) pid, &info, WEXITED) == 0);
        return info;
}

static void test_descriptors_find_their_places(void) {
        int a[2], b[2], fds[2];
        siginfo_t info;
        char byte;

        CHECK(pipe2(a, O_CLOEXEC) == 0);
        CHECK(pipe2(b, O_CLOEXEC) == 0);
        /* The reading end of `a` is 3, as a rule: each stands where the other should. */
        fds[0] = b[1];
        fds[1] = a[1];
        info = run_shell(fds, 2, "printf x >&3; printf y >&4");
        CHECK(info.si_code == CLD_EXITED);
        CHECK_EQUAL(info.si_status, 0);
        CHECK(read(b[0], &byte, 1) == 1 && byte == 'x');
        CHECK(read(a[0], &byte, 1) == 1 && byte == 'y');
}

static void test_nothing_else_is_inherited(void) {
        int fd = open("/dev/null", O_RDONLY);
        siginfo_t info;

        CHECK(fd >= 3);
        CHECK(dup2(fd, 9) == 9);
        info = run_shell(&fd, 1, "test -e /proc/self/fd/3 && ! test -e /proc/self/fd/9");
        CHECK_EQUAL(info.si_status, 0);
        CHECK(close(9) == 0 && close(fd) == 0);
}

static void test_ctrl_c_is_not_for_children(void) {
        siginfo_t info = run_shell(NULL, 0, "kill -INT $$; kill -HUP $$; exit 5");

        CHECK(info.si_code == CLD_EXITED);
        CHECK_EQUAL(info.si_status, 5);
}

static void test_a_missing_program_shows_in_the_status(void) {
        char *argv[] = { (char *) "/nonexistent/program", NULL };
        siginfo_t info = {};
        pid_t pid;

        CHECK(child_start(NULL, 0, argv, &pid) == 0);
        CHECK(waitid(P_PID, (id_t) pid, &info, WEXITED) == 0);
        CHECK_EQUAL(info.si_status, EXIT_CANNOT_EXEC);
}

static void test_ends_are_told(void) {
        siginfo_t info;
        char text[64];

        info = run_shell(NULL, 0, "exit 3");
        CHECK(strcmp(child_describe_end(&info, text, sizeof text), "exit status 3") == 0);
        info = run_shell(NULL, 0, "kill -KILL $$");
        CHECK(strcmp(child_describe_end(&info, text, sizeof text), "signal 9, Killed") == 0);
}

static sigset_t child_signals; /* blocked */

typedef struct Told {
        sd_event *event;
        ChildWatch *watch;
        siginfo_t info;
        unsigned n;
} Told;

static void on_end(const siginfo_t *info, void *userdata) {
        Told *told = userdata;

        told->info = *info;
        told->n++;
        told->watch = child_watch_free(told->watch);
        CHECK(sd_event_exit(told->event, 0) >= 0);
}

/* A child that ends when `*ret_pipe` is closed, watched; the loop has seen it alive. */
static pid_t start_watched(Told *told, int *ret_pipe) {
        char *argv[] = { (char *) "/bin/sh", (char *) "-c", (char *) "read line <&3; exit 7", NULL };
        int ends[2];
        pid_t pid;

        CHECK(pipe2(ends, O_CLOEXEC) == 0);
        CHECK(child_start(ends, 1, argv, &pid) == 0);
        CHECK(close(ends[0]) == 0);
        *told = (Told) {};
        CHECK(sd_event_new(&told->event) >= 0);
        CHECK_EQUAL(child_watch_new(told->event, pid, on_end, told, &told->watch), 0);
        for (unsigned i = 0; i < 3; i++)
                CHECK(sd_event_run(told->event, 0) >= 0);
        CHECK_EQUAL(told->n, 0);
        *ret_pipe = ends[1];
        return pid;
}

/* With pidfds, and with SIGCHLD, as sd-event has it; and when the SIGCHLD has gone elsewhere. */
static void test_an_end_is_told_once(void) {
        static const struct {
                const char *pidfd;
                bool lose_signal;
        } ways[] = { { "1", false }, { "0", false }, { "0", true } };

        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                siginfo_t lost;
                Told told;
                pid_t pid;
                int fd;

                CHECK(setenv("SYSTEMD_PIDFD", ways[i].pidfd, 1) == 0);
                pid = start_watched(&told, &fd);
                CHECK(close(fd) == 0);
                if (ways[i].lose_signal)
                        CHECK_EQUAL(sigwaitinfo(&child_signals, &lost), SIGCHLD);
                CHECK(sd_event_loop(told.event) >= 0);
                CHECK_EQUAL(told.n, 1);
                CHECK_EQUAL(told.info.si_pid, pid);
                CHECK(told.info.si_code == CLD_EXITED && told.info.si_status == 7);
                CHECK(waitpid(pid, NULL, WNOHANG) < 0 && errno == ECHILD); /* reaped */
                sd_event_unref(told.event);
        }
}

static void test_a_watch_is_given_up(void) {
        Told told;
        pid_t pid;
        int fd;

        pid = start_watched(&told, &fd);
        child_watch_free(told.watch);
        CHECK(close(fd) == 0);
        CHECK(waitpid(pid, NULL, 0) == pid);
        CHECK_EQUAL(told.n, 0);
        sd_event_unref(told.event);
}

int main(void) {
        (void) sigemptyset(&child_signals);
        (void) sigaddset(&child_signals, SIGCHLD);
        CHECK(sigprocmask(SIG_BLOCK, &child_signals, NULL) == 0);
        RUN(test_descriptors_find_their_places);
        RUN(test_nothing_else_is_inherited);
        RUN(test_ctrl_c_is_not_for_children);
        RUN(test_a_missing_program_shows_in_the_status);
        RUN(test_ends_are_told);
        RUN(test_an_end_is_told_once);
        RUN(test_a_watch_is_given_up);
        return tests_end();
}
