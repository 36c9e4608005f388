/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The worker's owner object: wires handover socket, crew, shelf and session. It decides only when to end:
 *
 *     told to stop        the open blocks are handed back, finished ones sent, at most STOP_USEC long
 *     master says done    at once, if every block is acknowledged
 *     master vanished     after IDLE_USEC, or after ORPHAN_USEC if it still holds unacknowledged blocks
 *     handover closed     as when told to stop
 */

#include "worker/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "wire/handover.h"
#include "wire/identity.h"
#include "worker/crew.h"
#include "worker/shelf.h"
#include "worker/worker-session.h"

#define PENDING_BYTES_MAX (64U << 20) /* packed blocks that wait for their acknowledgement; then the crew pauses */
#define STOP_USEC (10 * USEC_PER_SEC)
#define IDLE_USEC (10 * USEC_PER_SEC)
#define ORPHAN_USEC USEC_PER_HOUR

struct Worker {
        sd_event *event;
        sd_event_source *handover_source, *crew_source, *timer_source;
        int handover_fd;
        Identity *identity;
        Crew *crew;
        Shelf shelf;
        WorkerSessionOwner session_owner;
        WorkerSession *session;
        bool stopping;
};

DEFINE_TRIVIAL_CLEANUP_FUNC(Worker *, worker_free);

static int worker_exit(Worker *worker, int status) {
        return sd_event_exit(worker->event, status);
}

static int worker_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Worker *worker = userdata;

        if (worker->shelf.n_blocks > 0)
                log_warning("Ending with %zu finished blocks that no master acknowledged; they will be computed again.",
                            worker->shelf.n_blocks);
        return worker_exit(worker, 0);
}

static int worker_arm(Worker *worker, usec_t span) {
        uint64_t when = clock_now_usec() + span;

        if (worker->timer_source) {
                (void) sd_event_source_set_time(worker->timer_source, when);
                return sd_event_source_set_enabled(worker->timer_source, SD_EVENT_ONESHOT);
        }
        return sd_event_add_time(worker->event, &worker->timer_source, CLOCK_BOOTTIME, when, USEC_PER_MSEC,
                                 worker_on_timer, worker);
}

/* While stopping: the last block was acknowledged, so say goodbye. */
static void worker_check_drained(Worker *worker) {
        if (worker->stopping && worker->session && worker->shelf.n_blocks == 0)
                worker_session_close(worker->session, "stopping");
}

static void worker_on_acknowledged(WorkerSession *session, void *userdata) {
        worker_check_drained(userdata);
}

static int worker_on_crew(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Worker *worker = userdata;
        int r;

        for (CrewResult *result; (result = crew_pop_result(worker->crew));)
                shelf_add(&worker->shelf, result);

        r = crew_error(worker->crew);
        if (r < 0) {
                log_error_errno(r, "Failed to compute: %m");
                return worker_exit(worker, EXIT_FAILURE);
        }
        if (worker->session)
                worker_session_pump(worker->session);
        worker_check_drained(worker);
        return 0;
}

/* Whoever hands masters over may have another connection. */
static void worker_tell_end(const Worker *worker, int error, const char *reason) {
        bool refused = error == -EACCES || error == -EPROTONOSUPPORT || error == -EPROTO;
        HandoverReport report = { .event = refused ? HANDOVER_REFUSED : HANDOVER_LOST };
        _cleanup_free_ char *text = NULL;
        size_t size;

        (void) snprintf(report.reason, sizeof report.reason, "%s", reason);
        if (handover_encode(&report, &text, &size) >= 0)
                (void) send(worker->handover_fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void worker_on_session_ended(WorkerSession *session, int error, const char *reason, void *userdata) {
        Worker *worker = userdata;

        log_debug("Session ended: %s", reason);
        if (error < 0 && !worker->stopping)
                worker_tell_end(worker, error, reason);
        worker->session = worker_session_free(worker->session);
        if (worker->stopping || (error == 0 && worker->shelf.n_blocks == 0))
                (void) worker_exit(worker, 0);
        else
                (void) worker_arm(worker, worker->shelf.n_blocks > 0 ? ORPHAN_USEC : IDLE_USEC);
}

static int worker_begin_session(Worker *worker, int fd) {
        int r;

        r = worker_session_new(worker->event, fd, worker->identity, &worker->session_owner, &worker->session);
        if (r < 0)
                return log_warning_errno(r, "Failed to begin a session: %m");
        if (worker->timer_source)
                (void) sd_event_source_set_enabled(worker->timer_source, SD_EVENT_OFF);
        return 0;
}

static int worker_on_handover(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Worker *worker = userdata;
        _cleanup_close_ int passed = -1;
        char datagram[16];
        ssize_t n;

        n = fd_receive_descriptor(fd, datagram, sizeof datagram, &passed);
        if (n == -EAGAIN)
                return 0;
        if (n <= 0) {
                (void) sd_event_source_set_enabled(worker->handover_source, SD_EVENT_OFF);
                worker_stop(worker);
                return 0;
        }
        if (passed < 0)
                log_warning("A handover came without a descriptor.");
        else if (worker->session || worker->stopping)
                log_debug("Busy with another master; the connection is let go.");
        else
                (void) worker_begin_session(worker, TAKE_FD(passed));
        return 0;
}

void worker_stop(Worker *worker) {
        if (worker->stopping)
                return;
        worker->stopping = true;
        if (!worker->session) {
                (void) worker_exit(worker, 0);
                return;
        }
        worker_session_drain(worker->session);
        (void) worker_arm(worker, STOP_USEC);
        worker_check_drained(worker);
}

bool worker_rest(Worker *worker) {
        return crew_stop(worker->crew, USEC_PER_SEC / 2);
}

int worker_new(sd_event *event, const WorkerSettings *settings, Worker **ret, Problem *problem) {
        _cleanup_(worker_freep) Worker *worker = NULL;
        int r;

        worker = malloc(sizeof *worker);
        if (!worker) {
                (void) fd_close(settings->handover_fd);
                return problem_set(problem, ENOMEM, "Out of memory");
        }
        *worker = (Worker) {
                .event = sd_event_ref(event),
                .handover_fd = settings->handover_fd,
                .session_owner = {
                        .name = settings->name,
                        .threads = settings->threads,
                        .on_acknowledged = worker_on_acknowledged,
                        .on_ended = worker_on_session_ended,
                },
        };
        worker->session_owner.userdata = worker;
        worker->session_owner.shelf = &worker->shelf;

        r = identity_new_ephemeral(&worker->identity, problem);
        if (r < 0)
                return r;
        r = crew_new(settings->threads, PENDING_BYTES_MAX, &worker->crew);
        if (r < 0)
                return problem_set(problem, r, "Failed to start %u threads: %m", settings->threads);
        worker->session_owner.crew = worker->crew;

        r = sd_event_add_io(event, &worker->crew_source, crew_fd(worker->crew), EPOLLIN, worker_on_crew, worker);
        if (r >= 0)
                r = fd_set_nonblocking(worker->handover_fd, true);
        if (r >= 0)
                r = sd_event_add_io(event, &worker->handover_source, worker->handover_fd, EPOLLIN,
                                    worker_on_handover, worker);
        if (r < 0)
                return problem_set(problem, r, "Failed to watch the handover socket: %m");

        *ret = TAKE_PTR(worker);
        return 0;
}

Worker *worker_free(Worker *worker) {
        if (!worker)
                return NULL;
        worker_session_free(worker->session);
        sd_event_source_disable_unref(worker->handover_source);
        sd_event_source_disable_unref(worker->crew_source);
        sd_event_source_disable_unref(worker->timer_source);
        (void) fd_close(worker->handover_fd);
        crew_free(worker->crew);
        shelf_done(&worker->shelf);
        identity_free(worker->identity);
        sd_event_unref(worker->event);
        free(worker);
        return NULL;
}
