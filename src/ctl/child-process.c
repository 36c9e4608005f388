/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fork, descriptors to their places, exec. */

#include "ctl/child-process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* In the child: does not return. */
static void child_exec(const int *fds, unsigned n_fds, char *const argv[]) {
        int copies[CHILD_FDS_MAX], null;
        sigset_t mask;

        /* Ctrl-C is for the parent, which then stops its children in the right order. */
        (void) signal(SIGINT, SIG_IGN);
        (void) signal(SIGHUP, SIG_IGN);
        /* Stays blocked until the program watches for it: it may come before that. */
        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigprocmask(SIG_SETMASK, &mask, NULL);

        /* First out of the way, then to their places: these may be each other's. */
        for (unsigned i = 0; i < n_fds; i++) {
                copies[i] = fcntl(fds[i], F_DUPFD, 3 + CHILD_FDS_MAX);
                if (copies[i] < 0)
                        _exit(EXIT_CANNOT_EXEC);
        }
        for (unsigned i = 0; i < n_fds; i++)
                if (dup2(copies[i], 3 + (int) i) < 0)
                        _exit(EXIT_CANNOT_EXEC);
        null = open("/dev/null", O_RDWR);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
                _exit(EXIT_CANNOT_EXEC);
        (void) close_range(3 + n_fds, ~0U, 0);
        (void) execv(argv[0], argv);
        _exit(EXIT_CANNOT_EXEC);
}

int child_start(const int *fds, unsigned n_fds, char *const argv[], pid_t *ret) {
        pid_t pid = fork();

        if (pid < 0)
                return -errno;
        if (pid == 0)
                child_exec(fds, n_fds, argv);
        *ret = pid;
        return 0;
}

const char *child_describe_end(const siginfo_t *info, char *buffer, size_t size) {
        if (info->si_code == CLD_EXITED)
                (void) snprintf(buffer, size, "exit status %d", info->si_status);
        else
                (void) snprintf(buffer, size, "signal %d, %s", info->si_status, strsignal(info->si_status));
        return buffer;
}
