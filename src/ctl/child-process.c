/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fork, descriptors to their places, exec; and the end. */

#include "ctl/child-process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define SWEEP_USEC USEC_PER_SEC /* see watch_on_sweep() */

struct ChildWatch {
        pid_t pid;
        ChildEnded *on_end;
        void *userdata;
        sd_event_source *source, *sweep_timer;
};

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

/* The callback frees the watch, or the caller later: it is not used again. */
static void watch_end(ChildWatch *watch, const siginfo_t *info) {
        watch->source = sd_event_source_disable_unref(watch->source);
        watch->sweep_timer = sd_event_source_disable_unref(watch->sweep_timer);
        watch->on_end(info, watch->userdata);
}

static int watch_on_exit(sd_event_source *source, const siginfo_t *info, void *userdata) {
        siginfo_t copy = *info; /* which belongs to the source */

        watch_end(userdata, &copy);
        return 0;
}

/*
 * sd-event is told of a death once (EPOLLONESHOT on a pidfd, or SIGCHLD where there are none). When a tracer (strace,
 * gdb, LeakSanitizer) still holds the dead process at that moment it cannot be waited for yet, and sd-event does not
 * ask again. So we do, now and then.
 */
static int watch_on_sweep(sd_event_source *source, uint64_t usec, void *userdata) {
        ChildWatch *watch = userdata;
        siginfo_t info = {};

        if (waitid(P_PID, (id_t) watch->pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == watch->pid) {
                watch_end(watch, &info);
                return 0;
        }
        (void) sd_event_source_set_time_relative(source, SWEEP_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int child_watch_new(sd_event *event, pid_t pid, ChildEnded *on_end, void *userdata, ChildWatch **ret) {
        _cleanup_(child_watch_freep) ChildWatch *watch = malloc(sizeof *watch);
        int r;

        if (!watch)
                return -ENOMEM;
        *watch = (ChildWatch) { .pid = pid, .on_end = on_end, .userdata = userdata };
        r = sd_event_add_child(event, &watch->source, pid, WEXITED, watch_on_exit, watch);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &watch->sweep_timer, CLOCK_MONOTONIC, SWEEP_USEC, SWEEP_USEC / 4,
                                               watch_on_sweep, watch);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(watch);
        return 0;
}

ChildWatch *child_watch_free(ChildWatch *watch) {
        if (!watch)
                return NULL;
        sd_event_source_disable_unref(watch->source);
        sd_event_source_disable_unref(watch->sweep_timer);
        free(watch);
        return NULL;
}

const char *child_describe_end(const siginfo_t *info, char *buffer, size_t size) {
        if (info->si_code == CLD_EXITED)
                (void) snprintf(buffer, size, "exit status %d", info->si_status);
        else
                (void) snprintf(buffer, size, "signal %d, %s", info->si_status, strsignal(info->si_status));
        return buffer;
}
