/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One worker for one master, without systemd or Avahi: connects, hands the connection to a worker that is our child,
 * and does so again when it breaks, when the worker dies, and when the master may have work again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/problem.h"

typedef struct Join Join;

typedef struct JoinSettings {
        const char *host; /* a name or an address without brackets */
        uint16_t port;
        unsigned threads; /* 0: all processors */
        uint64_t memory_bytes; /* 0: what the worker takes by itself */
        const char *name; /* of this worker, for people; NULL: the host name */
        bool debug;
} JoinSettings;

typedef struct JoinCallbacks {
        /* A sentence on what happened, for people; bad: something went wrong and is being mended. */
        void (*on_event)(const char *sentence, bool bad, void *userdata);
        /* The worker is gone; `problem` is empty when that was asked for. */
        void (*on_ended)(const char *problem, void *userdata);
} JoinCallbacks;

/* SIGCHLD must be blocked; the strings must stay. 0 or negative errno with a sentence. */
int join_new(sd_event *event, const JoinSettings *settings, const JoinCallbacks *callbacks, void *userdata, Join **ret,
             Problem *problem);

/* Kills what is still there. */
Join *join_free(Join *join);

/* Politely: the worker hands back what it has not finished and sends what it has. A second call kills it. */
void join_stop(Join *join);

/* How things are, in one line for people: "Working for lab1 with 4 threads, for 3 min 5 s". */
const char *join_describe(const Join *join, char *buffer, size_t size);

DEFINE_TRIVIAL_CLEANUP_FUNC(Join *, join_free);
