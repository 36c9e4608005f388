/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Following a store. A master writes to its store many times a second when it is busy, so the store is not opened for
 * each of them; where inotify tells nothing, as on a network's file system, it is looked at in intervals.
 */

#include "ctl/store-follow.h"

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "ctl/stop-signal.h"

#define PAUSE_USEC (USEC_PER_SEC / 4) /* between two looks at a store that grows */
#define PATIENCE_USEC (2 * USEC_PER_SEC) /* without any news */

void store_follow_init(StoreFollow *follow, const char *path) {
        int fd;

        stop_signal_catch();
        fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (fd >= 0 && inotify_add_watch(fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF) < 0)
                fd = fd_close(fd);
        *follow = (StoreFollow) { .inotify_fd = fd, .looked_usec = clock_now_usec() };
}

void store_follow_done(StoreFollow *follow) {
        follow->inotify_fd = fd_close(follow->inotify_fd);
}

static void follow_drain(StoreFollow *follow) {
        _Alignas(struct inotify_event) char events[4096];

        while (read(follow->inotify_fd, events, sizeof events) > 0)
                ;
}

/*
 * Until an event of inotify, if `wants_events`, for `timeout_usec` at most. Signals are let in while we wait and at no
 * other time, so that none comes between the question and the sleep. False: the end.
 */
static bool follow_sleep(StoreFollow *follow, bool wants_events, usec_t timeout_usec) {
        struct pollfd fds[] = {
                { .fd = STDOUT_FILENO },
                { .fd = wants_events ? follow->inotify_fd : -1, .events = POLLIN },
        };
        struct timespec timeout = {
                .tv_sec = (time_t) (timeout_usec / USEC_PER_SEC),
                .tv_nsec = (long) (timeout_usec % USEC_PER_SEC * 1000),
        };
        sigset_t signals, before;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGINT);
        (void) sigaddset(&signals, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &signals, &before);
        if (stop_signal() == 0)
                (void) ppoll(fds, ELEMENTSOF(fds), &timeout, &before);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        return stop_signal() == 0 && !(fds[0].revents & (POLLERR | POLLHUP | POLLNVAL));
}

bool store_follow_wait(StoreFollow *follow) {
        usec_t now_usec;

        if (!follow_sleep(follow, true, PATIENCE_USEC))
                return false;
        now_usec = clock_now_usec();
        if (now_usec < follow->looked_usec + PAUSE_USEC &&
            !follow_sleep(follow, false, follow->looked_usec + PAUSE_USEC - now_usec))
                return false;
        follow_drain(follow); /* what comes from here on is news again */
        follow->looked_usec = clock_now_usec();
        return true;
}
