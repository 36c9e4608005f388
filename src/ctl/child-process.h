/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Masters and workers as children of primectl. */

#include <stddef.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"

#define CHILD_FDS_MAX 2
#define EXIT_CANNOT_EXEC 127 /* of a child that could not become its program */

/*
 * Starts the program argv[0] with `fds` as its descriptors 3, 4 …; its standard output goes to our standard error,
 * its input is /dev/null. Ctrl-C and a terminal that hangs up are for us: the child ignores them. SIGTERM waits for it
 * from the start. 0 or negative errno; that the program cannot be run shows only in its exit status.
 */
int child_start(const int *fds, unsigned n_fds, char *const argv[], pid_t *ret);

/* Waits for the end of a child, which it tells once. */
typedef struct ChildWatch ChildWatch;

/* The child is dead, and need not be waited for. It may free the watch. */
typedef void ChildEnded(const siginfo_t *info, void *userdata);

/*
 * SIGCHLD must be blocked in all threads (sd_event_add_child()). 0 or negative errno. Freeing the watch leaves the
 * child alone.
 */
int child_watch_new(sd_event *event, pid_t pid, ChildEnded *on_end, void *userdata, ChildWatch **ret);
ChildWatch *child_watch_free(ChildWatch *watch);
DEFINE_TRIVIAL_CLEANUP_FUNC(ChildWatch *, child_watch_free);

/* "signal 9, Killed" or "exit status 1", in the caller's buffer. */
const char *child_describe_end(const siginfo_t *info, char *buffer, size_t size);
