/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sessions come and go; what they say is passed on to plan, intake and commit from here. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/text.h"
#include "master/intake.h"
#include "master/master-state.h"

#define NEWCOMERS_MAX 256 /* sessions that did not join yet: anybody who reaches the port can make them */

const char *master_worker_id(const MasterWorker *worker, char ret[static 2 * SHA256_SIZE + 1]) {
        const uint8_t *id = master_session_peer_id(worker->session);

        ret[0] = '\0';
        return id ? text_hex(id, SHA256_SIZE, ret) : ret;
}

void master_announce_job(Master *master, const MasterJob *job) {
        for (size_t i = 0; i < master->n_workers; i++)
                if (master->workers[i]->joined)
                        master_session_announce(master->workers[i]->session, job->id, &job->grid, job->certainty,
                                                job->priority);
}

static MasterCap master_ask_cap(const Master *master, const MasterWorker *worker) {
        char id[2 * SHA256_SIZE + 1];

        if (!master->on_cap)
                return (MasterCap) {};
        return master->on_cap(master_session_name(worker->session), master_worker_id(worker, id), master->userdata);
}

void master_apply_caps(Master *master) {
        for (size_t i = 0; i < master->n_workers; i++) {
                MasterWorker *worker = master->workers[i];
                MasterCap cap;

                if (!worker->joined)
                        continue;
                cap = master_ask_cap(master, worker);
                if (cap.threads_max == worker->cap.threads_max && cap.cpu_percent == worker->cap.cpu_percent)
                        continue;
                worker->cap = cap;
                master_session_settings(worker->session, cap.threads_max, cap.cpu_percent);
                master_update_lanes(master, worker, worker->n_lanes_asked);
                master_changed(master);
        }
        master_serve(master);
}

/* What the sessions tell */

static int master_on_joined(MasterSession *session, void *userdata) {
        MasterWorker *worker = userdata;
        Master *master = worker->master;
        unsigned n_threads = master_session_threads(session);
        usec_t now = clock_now_usec();
        int r;

        if (master->n_joined >= master->workers_max)
                return -EBUSY;
        /* Lanes are added as they ask. */
        r = plan_worker_add(master->plan, master_session_number(session), 0, now);
        if (r < 0)
                return r;
        worker->joined = true;
        worker->joined_usec = now;
        worker->joined_realtime_usec = clock_realtime_usec();
        worker->cap = master_ask_cap(master, worker);
        rate_window_init(&worker->rate, now);
        master->n_joined++;
        master->n_remote += worker->remote;
        master_worker_event(master, LOG_INFO, MESSAGE_ID_WORKER_JOINED, worker, NULL,
                            "Worker '%s' joined%s%s with %u processor%s", master_session_name(session),
                            worker->address[0] ? " from " : "", worker->address, n_threads, text_plural(n_threads));

        for (size_t i = 0; i < master->n_jobs; i++)
                master_session_announce(session, master->jobs[i]->id, &master->jobs[i]->grid,
                                        master->jobs[i]->certainty, master->jobs[i]->priority);
        /* Behind the jobs: the worker takes it that there are no others. */
        master_session_settings(session, worker->cap.threads_max, worker->cap.cpu_percent);
        master_changed(master);
        master_arm_chores(master);
        return 0;
}

static void master_on_refused(MasterSession *session, const char *reason, void *userdata) {
        MasterWorker *worker = userdata;

        master_worker_event(worker->master, LOG_WARNING, MESSAGE_ID_WORKER_REFUSED, worker, NULL,
                            "Worker '%s' was turned away: %s", master_session_name(session), reason);
}

static void master_on_state(MasterSession *session, const MessageState *state, void *userdata) {
        MasterWorker *worker = userdata;

        if (!worker->joined)
                return;
        worker->state = *state;
        /* It has no more lanes than threads, and none while it pauses. */
        master_update_lanes(worker->master, worker, state->threads_applied);
        master_changed(worker->master);
        master_serve(worker->master);
}

static void master_on_request(MasterSession *session, unsigned lane, void *userdata) {
        MasterWorker *worker = userdata;
        Master *master = worker->master;

        if (!worker->joined)
                return;
        master_update_lanes(master, worker, MAX(worker->n_lanes_asked, lane + 1));
        master_serve_worker(master, worker);
        master_serve(master);
}

static void master_refuse_block(MasterWorker *worker, const MasterJob *job, const char *reason) {
        master_worker_event(worker->master, LOG_WARNING, MESSAGE_ID_WORKER_REFUSED, worker, job,
                            "Worker '%s' was turned away: %s", master_session_name(worker->session), reason);
        master_session_close(worker->session, BYE_REFUSED, reason);
}

/* A block of a job that failed: neither stored nor, for a while, forgotten. See master-chores.c. */
static int master_hold_block(MasterWorker *worker, const MasterJob *job, uint64_t sequence) {
        if (job->kept && sequence < job->grid.n_blocks)
                return master_session_await_durable(worker->session, job->id, sequence);
        master_session_acknowledge(worker->session, job->id, sequence);
        return 0;
}

static void master_count_block(MasterWorker *worker, MasterJob *job, const MessageBlock *block) {
        usec_t now = clock_now_usec();
        double numbers = grid_numbers(&job->grid, block->sequence, block->sequence + 1);

        worker->n_blocks++;
        rate_window_add(&worker->rate, numbers, now);
        rate_window_add(&job->rate, numbers, now);
        master_note_block(worker->master, worker, job, block->sequence, block->count);
}

/* 0 or negative errno: the master is out of memory. */
static int master_take_block(MasterWorker *worker, MasterJob *job, const MessageBlock *block) {
        Master *master = worker->master;
        MasterSession *session = worker->session;
        Problem problem = PROBLEM_NONE;
        int error = 0, r;

        switch (intake_block(master->auditor, master->plan, job, master_session_number(session), block,
                             clock_now_usec(), &error, &problem)) {
        case INTAKE_DIFFERS:
                job->n_disagreements++;
                master_worker_event(master, LOG_WARNING, MESSAGE_ID_RESULT_DIFFERS, worker, job, "Worker '%s': %s",
                                    master_session_name(session), problem.text);
                __attribute__((__fallthrough__)); /* it is answered all the same */
        case INTAKE_KNOWN:
                if (interval_set_contains(&job->uncommitted, block->sequence))
                        return master_session_await_durable(session, job->id, block->sequence);
                master_session_acknowledge(session, job->id, block->sequence);
                return 0;
        case INTAKE_STORED:
                r = master_session_await_durable(session, job->id, block->sequence);
                master_count_block(worker, job, block);
                master_schedule_commit(master, job);
                return r;
        case INTAKE_REFUSED:
                master_refuse_block(worker, job, problem.text);
                return 0;
        case INTAKE_FAILED:
                break;
        }
        /* What came before may still be saved; this is the sentence to tell in any case. */
        (void) master_commit_job(master, job, &(Problem) {});
        master_fail_job(master, job, error, &problem);
        return master_hold_block(worker, job, block->sequence);
}

static void master_on_block(MasterSession *session, const MessageBlock *block, void *userdata) {
        MasterWorker *worker = userdata;
        Master *master = worker->master;
        MasterJob *job = master_job_by_id(master, block->job);
        int r = 0;

        if (master->failed || !worker->joined)
                return;
        worker->block_usec = clock_now_usec();
        if (!job)
                master_session_acknowledge(session, block->job, block->sequence);
        else if (job->store)
                r = master_take_block(worker, job, block);
        else
                r = master_hold_block(worker, job, block->sequence);
        if (r < 0) {
                (void) problem_set(&master->problem, r, "Out of memory");
                master_fail(master);
                return;
        }
        master_serve_worker(master, worker);
        master_serve(master);
}

static void master_on_hand_back(MasterSession *session, uint64_t job, uint64_t first, uint64_t end, void *userdata) {
        MasterWorker *worker = userdata;

        (void) plan_hand_back(worker->master->plan, master_session_number(session), job, first, end, clock_now_usec());
        master_serve(worker->master);
}

static void master_on_ended(MasterSession *session, int error, const char *reason, void *userdata) {
        MasterWorker *worker = userdata;
        Master *master = worker->master;

        if (worker->joined) {
                master_flush_ranges(master, worker, NULL, USEC_INFINITY);
                master_worker_event(master, LOG_INFO, MESSAGE_ID_WORKER_LEFT, worker, NULL,
                                    "Worker '%s' left after %" PRIu64 " block%s: %s", master_session_name(session),
                                    worker->n_blocks, text_plural(worker->n_blocks), reason);
                master_changed(master);
                /* Its blocks are still to be told apart from others' in the provenance journal. */
                (void) master_commit(master);
        } else
                log_debug("A session%s%s ended before it joined: %s", worker->address[0] ? " from " : "",
                          worker->address, reason);
        master_drop_worker(master, worker);
        for (size_t i = 0; i < master->n_jobs; i++)
                master_check_finished(master, master->jobs[i]);
        if (master->n_workers == 0 &&
            (master->stopping || (master->once && master->n_jobs > 0 && master->jobs[0]->finished)))
                (void) sd_event_exit(master->event, EXIT_SUCCESS);
        else
                master_serve(master);
}

/* Coming and going */

const MasterSessionOwner master_session_owner = {
        .on_joined = master_on_joined,
        .on_refused = master_on_refused,
        .on_state = master_on_state,
        .on_request = master_on_request,
        .on_block = master_on_block,
        .on_hand_back = master_on_hand_back,
        .on_ended = master_on_ended,
};

void master_drop_worker(Master *master, MasterWorker *worker) {
        if (worker->joined) {
                (void) plan_worker_remove(master->plan, master_session_number(worker->session), clock_now_usec());
                master->n_joined--;
        }
        for (size_t i = 0; i < master->n_workers; i++)
                if (master->workers[i] == worker) {
                        memmove(master->workers + i, master->workers + i + 1,
                                (master->n_workers - i - 1) * sizeof(MasterWorker *));
                        master->n_workers--;
                        break;
                }
        master_session_free(worker->session);
        free(worker);
}

/* Whoever only connects must not keep others out: the oldest newcomer makes room. */
static void master_bound_newcomers(Master *master) {
        if (master->n_workers - master->n_joined < NEWCOMERS_MAX)
                return;
        for (size_t i = 0; i < master->n_workers; i++)
                if (!master->workers[i]->joined) {
                        master_drop_worker(master, master->workers[i]);
                        return;
                }
}

static int master_grow_workers(Master *master) {
        size_t n = master->n_workers_allocated * 2 + 8;
        MasterWorker **grown;

        if (master->n_workers < master->n_workers_allocated)
                return 0;
        grown = reallocarray(master->workers, n, sizeof *grown);
        if (!grown)
                return -ENOMEM;
        master->workers = grown;
        master->n_workers_allocated = n;
        return 0;
}

int master_add_worker(Master *master, int fd) {
        _cleanup_close_ int owned = fd;
        _cleanup_free_ MasterWorker *worker = NULL;
        int r;

        if (master->n_joined >= master->workers_max || master->stopping || master->failed ||
            (master->once && master->n_jobs > 0 && master->jobs[0]->finished))
                return -EBUSY;
        master_bound_newcomers(master);
        worker = calloc(1, sizeof *worker);
        if (!worker || master_grow_workers(master) < 0)
                return -ENOMEM;
        worker->master = master;
        worker->added_usec = clock_now_usec();
        worker->remote = peer_address(fd, worker->address);
        r = master_session_new(master->event, TAKE_FD(owned), ++master->last_number, master->identity,
                               &master->session_owner, worker, &worker->session);
        if (r < 0)
                return r;
        master->workers[master->n_workers++] = TAKE_PTR(worker);
        master_arm_chores(master);
        return 0;
}

/* Queries */

size_t master_n_workers(const Master *master) {
        return master->n_joined;
}

static const MasterWorker *master_joined_worker(const Master *master, size_t index) {
        for (size_t i = 0; i < master->n_workers; i++)
                if (master->workers[i]->joined && index-- == 0)
                        return master->workers[i];
        return NULL;
}

void master_worker_status(const Master *master, size_t index, MasterWorkerStatus *ret) {
        const MasterWorker *worker = master_joined_worker(master, index);
        const MasterSession *session;

        *ret = (MasterWorkerStatus) {};
        if (!worker)
                return;
        session = worker->session;
        (void) snprintf(ret->name, sizeof ret->name, "%s", master_session_name(session));
        (void) snprintf(ret->program, sizeof ret->program, "%s", master_session_program(session));
        (void) snprintf(ret->note, sizeof ret->note, "%s", worker->state.note);
        memcpy(ret->address, worker->address, sizeof ret->address);
        (void) master_worker_id(worker, ret->id);
        ret->joined_realtime_usec = worker->joined_realtime_usec;
        ret->n_threads = master_session_threads(session);
        ret->cap = worker->cap;
        ret->threads_allowed = worker->state.threads_allowed;
        ret->threads_applied = worker->state.threads_applied;
        ret->rate = rate_window_per_second(&worker->rate, clock_now_usec());
        ret->n_blocks = worker->n_blocks;
        ret->n_leased = plan_worker_leased(master->plan, master_session_number(session));
}

unsigned master_n_threads(const Master *master) {
        unsigned n = 0;

        for (size_t i = 0; i < master->n_workers; i++)
                if (master->workers[i]->joined)
                        n += master_session_threads(master->workers[i]->session);
        return n;
}

uint64_t master_n_remote(const Master *master) {
        return master->n_remote;
}
