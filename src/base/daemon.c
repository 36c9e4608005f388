/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signals and memory, before anything else, and what systemd is told. */

#include "base/daemon.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"

void daemon_prepare(void) {
        sigset_t mask;

        /* Blocks of half a megabyte come and go: keep their memory instead of asking the kernel anew for each. */
        (void) mallopt(M_MMAP_THRESHOLD, 4 << 20);
        (void) mallopt(M_TRIM_THRESHOLD, 8 << 20);
        (void) mallopt(M_ARENA_MAX, 1);

        /* Threads inherit the mask. */
        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigaddset(&mask, SIGINT);
        (void) sigaddset(&mask, SIGHUP);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGXFSZ, SIG_IGN);
}

void process_prepare(void) {
        fd_open_standard();
        (void) signal(SIGXFSZ, SIG_IGN);
}

void daemon_tell_reloading(void) {
        struct timespec now = {};

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        (void) sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                          (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000);
}
