/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whether our own worker takes connections. While it does not start, or ends without a word, no master is rung: the
 * pause grows, for all masters together, so that a broken worker is never called in a tight loop.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/random.h"

/* What people are told of a worker that closes a connection without any report. */
#define WORKER_GATE_SILENCE "the worker ended without a word: 'journalctl -u primed-worker' says why"

typedef struct WorkerGate {
        unsigned n_failures; /* in a row */
        usec_t until_usec;   /* closed so long; 0: open */
        char reason[512];    /* of the last failure */
} WorkerGate;

static inline bool worker_gate_is_open(const WorkerGate *gate, usec_t now) {
        return now >= gate->until_usec;
}

void worker_gate_fail(WorkerGate *gate, const char *reason, usec_t now, Random *random);

/* The worker lives. True when that is news. */
bool worker_gate_heal(WorkerGate *gate);

/* What kept it away may be mended: tries again at once, and if that fails, goes on with the pauses. */
void worker_gate_hope(WorkerGate *gate);

/* For people, "" as long as it was bad luck at most. */
const char *worker_gate_error(const WorkerGate *gate);

/* 0; or negative errno with a sentence when there is no socket at `path` that would start the worker. */
int worker_gate_check_socket(const char *path, char *ret_reason, size_t size);

/* What it means that the worker's socket at `path` cannot be used. */
void worker_gate_explain(const char *path, int error, char *ret_reason, size_t size);
