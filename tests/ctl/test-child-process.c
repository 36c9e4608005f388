/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ctl/child-process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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

int main(void) {
        RUN(test_descriptors_find_their_places);
        RUN(test_nothing_else_is_inherited);
        RUN(test_ctrl_c_is_not_for_children);
        RUN(test_a_missing_program_shows_in_the_status);
        RUN(test_ends_are_told);
        return tests_end();
}
