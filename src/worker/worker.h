/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The worker: takes connected descriptors over a unix socket (the handover), serves one master at a time, ends
 * when nobody needs it. It opens no connection and no listening socket itself.
 */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/problem.h"

typedef struct Worker Worker;

typedef struct WorkerSettings {
        const char *name;       /* this host's, for people */
        unsigned threads;       /* lanes */
        int handover_fd;        /* SOCK_SEQPACKET, see wire/handover.h; taken */
} WorkerSettings;

/* 0 or negative errno with a sentence in `problem`. */
int worker_new(sd_event *event, const WorkerSettings *settings, Worker **ret, Problem *problem);
Worker *worker_free(Worker *worker);

/*
 * After the event loop: waits for the threads, at most half a second. False: some are in the middle of something that
 * cannot be interrupted, and the process should end without worker_free().
 */
bool worker_rest(Worker *worker);

/* Hands unfinished work back, sends what is finished, then ends the event loop: within STOP_USEC in any case. */
void worker_stop(Worker *worker);
