/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The verbs of primectl, one file each. argv[0] is the verb; the result is the exit status: 0, 1 for a failure, 2
 * for wrong usage, 3 when the daemon that is asked does not run, 4 when a yes or no cannot be told. Each verb prints
 * its own --help.
 */

#include <stdbool.h>

#define EXIT_USAGE 2
#define EXIT_UNKNOWN 4

int verb_cancel(int argc, char *argv[]);
int verb_cat(int argc, char *argv[]);
int verb_classes(int argc, char *argv[]);
int verb_count(int argc, char *argv[]);
int verb_coverage(int argc, char *argv[]);
int verb_export(int argc, char *argv[]);
int verb_gaps(int argc, char *argv[]);
int verb_info(int argc, char *argv[]);
int verb_is_prime(int argc, char *argv[]);
int verb_jobs(int argc, char *argv[]);
int verb_join(int argc, char *argv[]);
int verb_local(int argc, char *argv[]);
int verb_next(int argc, char *argv[]);
int verb_nth(int argc, char *argv[]);
int verb_pause(int argc, char *argv[]);
int verb_prev(int argc, char *argv[]);
int verb_random(int argc, char *argv[]);
int verb_resume(int argc, char *argv[]);
int verb_start(int argc, char *argv[]);
int verb_status(int argc, char *argv[]);
int verb_store(int argc, char *argv[]);
int verb_twins(int argc, char *argv[]);
int verb_verify(int argc, char *argv[]);
int verb_workers(int argc, char *argv[]);

/* Whether a daemon of ours is on the bus of this host: then primectl alone shows its status. */
bool status_has_daemon(void);
