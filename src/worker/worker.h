/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The worker: takes connected descriptors over unix sockets (wire/handover.h), serves up to WORKER_CHANNELS_MAX masters
 * at a time, ends when nobody needs it. It opens no connection itself.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/problem.h"
#include "wire/identity.h"

#define WORKER_CHANNELS_MAX 64
#define WORKER_GRACE_USEC (3 * USEC_PER_SEC) /* a service without a session waits so long for the next one */

typedef struct Worker Worker;

typedef struct WorkerSettings {
        const char *name;        /* this host's, for people; NULL: by the config file, or the host name */
        unsigned n_threads;      /* that there are, whatever limits come and go */
        unsigned threads_max;    /* by the command line; 0: as many as may be used */
        uint64_t memory_max;     /* bytes, by the command line; 0: as much as is usual */
        int handover_fd;         /* one channel, for one session after the other, or … */
        int listen_fd;           /* … a listening socket, for a channel per session; the other one is -1; taken */
        const char *config_path; /* NULL: none */
        const Identity *identity; /* must outlive the worker */
} WorkerSettings;

/* 0 or negative errno with a sentence in `problem`. */
int worker_new(sd_event *event, const WorkerSettings *settings, Worker **ret, Problem *problem);
Worker *worker_free(Worker *worker);

/* Reads the config file again. */
void worker_reload(Worker *worker);

/*
 * After the event loop: waits for the threads, at most half a second. False: some are in the middle of something that
 * cannot be interrupted, and the process should end without worker_free().
 */
bool worker_rest(Worker *worker);

/* Hands unfinished work back, sends what is finished, then ends the event loop: within STOP_USEC in any case. */
void worker_stop(Worker *worker);
