/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Failures of the worker, counted. */

#include "scout/worker-gate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "scout/retry.h"

void worker_gate_fail(WorkerGate *gate, const char *reason, usec_t now, Random *random) {
        gate->until_usec = now + retry_pause(RETRY_WORKER, gate->n_failures, random);
        if (gate->n_failures < 64)
                gate->n_failures++;
        (void) snprintf(gate->reason, sizeof gate->reason, "%s", reason);
}

bool worker_gate_heal(WorkerGate *gate) {
        bool news = worker_gate_error(gate)[0] != '\0';

        *gate = (WorkerGate) {};
        return news;
}

void worker_gate_hope(WorkerGate *gate) {
        gate->until_usec = 0;
}

const char *worker_gate_error(const WorkerGate *gate) {
        /* A worker that was about to end anyway may have left one connection unanswered. */
        return gate->n_failures >= 2 ? gate->reason : "";
}

void worker_gate_explain(const char *path, int error, char *ret_reason, size_t size) {
        switch (-error) {
        case ENOENT:
        case ENOTSOCK:
                (void) snprintf(ret_reason, size,
                                "there is no socket %s: 'systemctl start primed-worker.socket' makes it", path);
                return;
        case ECONNREFUSED:
                (void) snprintf(ret_reason, size,
                                "nobody listens at %s: 'systemctl restart primed-worker.socket' mends it", path);
                return;
        case EACCES:
        case EPERM:
                (void) snprintf(ret_reason, size, "%s belongs to another user than primed-scout runs as", path);
                return;
        case EPIPE:
        case ECONNRESET:
                (void) snprintf(ret_reason, size, "%s", WORKER_GATE_SILENCE);
                return;
        case EAGAIN:
                (void) snprintf(ret_reason, size,
                                "the worker takes no connections: 'journalctl -u primed-worker' says why");
                return;
        default:
                (void) snprintf(ret_reason, size, "%s: %s", path, strerror(-error));
        }
}

int worker_gate_check_socket(const char *path, char *ret_reason, size_t size) {
        struct stat status;
        int r = 0;

        if (stat(path, &status) < 0)
                r = -errno;
        else if (!S_ISSOCK(status.st_mode))
                r = -ENOTSOCK;
        if (r < 0)
                worker_gate_explain(path, r, ret_reason, size);
        return r;
}
