/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The control socket between the master and the program that started it (SOCK_SEQPACKET): datagrams with one
 * descriptor each come in (a connected worker), reports go out. When it is closed, the master stops.
 */

#include <systemd/sd-event.h>

#include "master/master.h"

typedef struct LocalControl LocalControl;

/* Takes the descriptor, on failure too. 0 or negative errno. The master has one job, which stays. */
int local_control_new(sd_event *event, int fd, Master *master, LocalControl **ret);
LocalControl *local_control_free(LocalControl *control);

/* Sends a report at once: the last one before the end. Waits for the reader if it has to. */
void local_control_report_last(LocalControl *control);

/* The master could not even start: tells so over the socket `fd`, which stays the caller's. */
void local_control_report_failure(int fd, const char *problem);
