/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The master's owner object: wires sessions, plan, audit and store.
 *
 * The way of a block: session → intake (audit, plan, store) → commit → acknowledgement. Commits are grouped: the
 * first block after a commit starts a timer, and everything that arrives until it fires shares one fdatasync. The
 * pause grows with the time that syncs take, so that a slow card spends a fifth of its time on them at most.
 */

#include "master/master.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "master/intake.h"
#include "master/master-job.h"
#include "master/master-session.h"
#include "prime/sieve/cost.h"
#include "wire/identity.h"

#define COMMIT_PAUSE_USEC (30 * USEC_PER_MSEC)  /* the longest that an idle master waits with a commit */
#define COMMIT_PAUSE_FACTOR 4                   /* pause : sync */
#define COMMIT_PAUSE_MAX_USEC (2 * USEC_PER_SEC)
#define SPOOL_BYTES_MAX (UINT64_C(1) << 30)     /* of bitmaps, before packing */
#define WORKERS_MAX 4096

struct Master {
        sd_event *event;
        sd_event_source *commit_timer, *deadline_timer;
        Identity *identity;
        Auditor *auditor;
        Plan *plan;
        MasterJob *job;
        MasterSessionOwner session_owner;
        MasterSession **sessions;
        size_t n_sessions, n_sessions_allocated;
        uint64_t last_number;
        uint64_t served_generation; /* of the plan, when all lanes that wait were asked for last */
        usec_t commit_pause_usec;
        usec_t started_usec;
        bool once, stopping;
        MasterState state;
        Problem problem;
};

DEFINE_TRIVIAL_CLEANUP_FUNC(Master *, master_free);

/* Ends the loop with the sentence in master->problem. What is durable stays; all else is computed again. */
static void master_fail(Master *master) {
        if (master->state == MASTER_FAILED)
                return;
        master->state = MASTER_FAILED;
        (void) sd_event_exit(master->event, EXIT_FAILURE);
}

/* Leases */

static void master_send_revocations(Master *master) {
        PlanRevocation revocation;

        while (plan_pop_revocation(master->plan, &revocation))
                for (size_t i = 0; i < master->n_sessions; i++)
                        if (master_session_number(master->sessions[i]) == revocation.worker)
                                master_session_revoke(master->sessions[i], revocation.job, revocation.first,
                                                      revocation.end);
}

/*
 * Asks the plan on behalf of the session's waiting lanes. A lease may take what another lane has not begun, and that
 * lane may be one of the same worker: a worker drops revoked blocks wherever it has them, so the revocation goes first.
 */
static void master_serve_session(Master *master, MasterSession *session) {
        for (int lane = -1; (lane = master_session_next_lane(session, (unsigned) (lane + 1))) >= 0;) {
                PlanLease lease;
                PlanAnswer answer = plan_lease(master->plan, master_session_number(session), (unsigned) lane,
                                               clock_now_usec(), &lease);

                master_send_revocations(master);
                switch (answer) {
                case PLAN_GRANTED:
                        master_session_grant(session, (unsigned) lane, &lease);
                        break;
                case PLAN_WAIT:
                case PLAN_NOTHING_LEFT:
                        master_session_wait(session, (unsigned) lane);
                        break;
                case PLAN_ENOUGH:
                        break;
                case PLAN_WORKER_UNKNOWN:
                        master_session_ignore(session, (unsigned) lane);
                        break;
                }
        }
}

static void master_arm_deadline(Master *master) {
        usec_t deadline = plan_next_deadline(master->plan);

        if (deadline == USEC_INFINITY)
                (void) sd_event_source_set_enabled(master->deadline_timer, SD_EVENT_OFF);
        else {
                (void) sd_event_source_set_time(master->deadline_timer, deadline);
                (void) sd_event_source_set_enabled(master->deadline_timer, SD_EVENT_ONESHOT);
        }
}

/* After anything that changed the plan: everybody who waits may ask again. */
static void master_serve(Master *master) {
        master_send_revocations(master);
        for (unsigned round = 0; round < 2 && plan_generation(master->plan) != master->served_generation; round++) {
                master->served_generation = plan_generation(master->plan);
                for (size_t i = 0; i < master->n_sessions; i++)
                        master_serve_session(master, master->sessions[i]);
        }
        master_arm_deadline(master);
}

static int master_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Master *master = userdata;
        int r;

        r = plan_advance(master->plan, clock_now_usec());
        if (r < 0) {
                (void) problem_set(&master->problem, r, "Failed to plan: %m");
                master_fail(master);
                return 0;
        }
        master_serve(master);
        return 0;
}

/* Commits */

/* Who computed what is about to become durable. */
static int master_put_provenance(Master *master, const MasterSession *session) {
        const IntervalSet *pending = master_session_pending(session, master->job->id);
        Interval mine, new;
        int r;

        for (uint64_t at = 0; pending && interval_set_next(pending, at, &mine); at = new.end) {
                StoreProvenance provenance = {
                        .worker_name = master_session_name(session),
                        .realtime_usec = clock_realtime_usec(),
                        .check = "shape",
                };

                if (!interval_set_next(&master->job->uncommitted, mine.first, &new))
                        break;
                if (new.first >= mine.end) {
                        new.end = mine.end;
                        continue;
                }
                new.end = MIN(new.end, mine.end);
                provenance.first = new.first;
                provenance.end = new.end;
                memcpy(provenance.worker_id, master_session_peer_id(session), sizeof provenance.worker_id);
                r = store_put_provenance(master->job->store, &provenance, &master->problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* False: the store is broken, and the master has failed. */
static bool master_commit(Master *master) {
        IntervalSet durable = INTERVAL_SET_EMPTY;
        MasterJob *job = master->job;
        usec_t begin = clock_now_usec();
        int r = 0;

        if (master->state == MASTER_FAILED)
                return false;
        if (!master_job_is_dirty(job))
                return true;

        (void) sd_event_source_set_enabled(master->commit_timer, SD_EVENT_OFF);
        for (size_t i = 0; i < master->n_sessions && r >= 0; i++)
                r = master_put_provenance(master, master->sessions[i]);
        if (r >= 0)
                r = store_commit(job->store, &durable, &master->problem);
        if (r >= 0) {
                for (size_t i = 0; i < master->n_sessions; i++)
                        master_session_on_durable(master->sessions[i], job->id, &durable);
                interval_set_done(&job->uncommitted);
        } else
                (void) problem_set(&master->problem, r, "Failed to write the store: %m");
        interval_set_done(&durable);
        master->commit_pause_usec = CLAMP((clock_now_usec() - begin) * COMMIT_PAUSE_FACTOR, COMMIT_PAUSE_USEC,
                                          COMMIT_PAUSE_MAX_USEC);
        if (r >= 0 && store_wants_space(job->store))
                r = problem_set(&master->problem, ENOSPC, "There is no space left to keep the store in order; what was "
                                "found is safe. Make room and start the same command again.");
        if (r < 0)
                master_fail(master);
        return r >= 0;
}

static void master_check_finished(Master *master) {
        if (master->state != MASTER_RUNNING || !master_job_finished(master->job))
                return;
        master->state = MASTER_FINISHED;
        for (size_t i = 0; i < master->n_sessions; i++)
                master_session_close(master->sessions[i], BYE_DONE, "the job is finished");
        if (master->once && master->n_sessions == 0)
                (void) sd_event_exit(master->event, EXIT_SUCCESS);
}

static int master_on_commit_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Master *master = userdata;

        if (master_commit(master))
                master_check_finished(master);
        return 0;
}

static void master_schedule_commit(Master *master) {
        int enabled;

        /* The last block of all: nothing else will come that could share the sync. */
        if (store_present(master->job->store)->n_members == master->job->grid.n_blocks) {
                if (master_commit(master))
                        master_check_finished(master);
                return;
        }
        if (sd_event_source_get_enabled(master->commit_timer, &enabled) >= 0 && enabled != SD_EVENT_OFF)
                return;
        (void) sd_event_source_set_time(master->commit_timer, clock_now_usec() + master->commit_pause_usec);
        (void) sd_event_source_set_enabled(master->commit_timer, SD_EVENT_ONESHOT);
}

/* What the sessions tell */

static int master_on_joined(MasterSession *session, void *userdata) {
        Master *master = userdata;
        int r;

        r = plan_worker_add(master->plan, master_session_number(session), master_session_lanes(session),
                            clock_now_usec());
        if (r < 0)
                return r;
        log_debug("Worker '%s' joined with %u lanes", master_session_name(session), master_session_lanes(session));
        master_session_announce(session, master->job->id, &master->job->grid);
        return 0;
}

static void master_on_request(MasterSession *session, void *userdata) {
        Master *master = userdata;

        master_serve_session(master, session);
        master_serve(master);
}

static void master_on_block(MasterSession *session, const MessageBlock *block, void *userdata) {
        Master *master = userdata;
        MasterJob *job = master->job;
        Problem problem = PROBLEM_NONE;
        int error = 0, r = 0;

        if (master->state == MASTER_FAILED)
                return;
        if (block->job != job->id) {
                master_session_acknowledge(session, block->job, block->sequence);
                return;
        }

        switch (intake_block(master->auditor, master->plan, job, master_session_number(session), block,
                             clock_now_usec(), &error, &problem)) {
        case INTAKE_DIFFERS:
                job->n_disagreements++;
                log_warning("Worker '%s': %s", master_session_name(session), problem.text);
                __attribute__((__fallthrough__)); /* it is answered all the same */
        case INTAKE_KNOWN:
                if (!interval_set_contains(&job->uncommitted, block->sequence)) {
                        master_session_acknowledge(session, job->id, block->sequence);
                        break;
                }
                r = master_session_await_durable(session, job->id, block->sequence);
                break;
        case INTAKE_STORED:
                r = master_session_await_durable(session, job->id, block->sequence);
                master_schedule_commit(master);
                break;
        case INTAKE_REFUSED:
                log_warning("Worker '%s' was turned away: %s", master_session_name(session), problem.text);
                master_session_close(session, BYE_REFUSED, problem.text);
                return;
        case INTAKE_FAILED:
                /* What came before may still be saved; this is the sentence to tell in any case. */
                master->problem = problem;
                (void) master_commit(master);
                master_fail(master);
                return;
        }
        if (r < 0) {
                (void) problem_set(&master->problem, r, "Out of memory");
                master_fail(master);
                return;
        }
        master_serve_session(master, session);
        master_serve(master);
}

static void master_on_hand_back(MasterSession *session, uint64_t job, uint64_t first, uint64_t end, void *userdata) {
        Master *master = userdata;

        (void) plan_hand_back(master->plan, master_session_number(session), job, first, end, clock_now_usec());
        master_serve(master);
}

static void master_on_ended(MasterSession *session, int error, const char *reason, void *userdata) {
        Master *master = userdata;

        log_debug("Worker '%s' is gone: %s", master_session_name(session), reason);
        /* Its blocks are still to be told apart from others' in the provenance journal. */
        (void) master_commit(master);
        (void) plan_worker_remove(master->plan, master_session_number(session), clock_now_usec());
        for (size_t i = 0; i < master->n_sessions; i++)
                if (master->sessions[i] == session) {
                        master->sessions[i] = master->sessions[--master->n_sessions];
                        break;
                }
        master_session_free(session);
        master_check_finished(master);
        if (master->n_sessions == 0 && (master->stopping || (master->once && master->state == MASTER_FINISHED)))
                (void) sd_event_exit(master->event, EXIT_SUCCESS);
        else
                master_serve(master);
}

int master_add_worker(Master *master, int fd) {
        int r;

        if (master->n_sessions == WORKERS_MAX || master->stopping || master->state != MASTER_RUNNING) {
                (void) fd_close(fd);
                return -EBUSY;
        }
        if (master->n_sessions == master->n_sessions_allocated) {
                size_t n = master->n_sessions_allocated * 2 + 8;
                MasterSession **grown = reallocarray(master->sessions, n, sizeof *grown);

                if (!grown) {
                        (void) fd_close(fd);
                        return -ENOMEM;
                }
                master->sessions = grown;
                master->n_sessions_allocated = n;
        }
        r = master_session_new(master->event, fd, ++master->last_number, master->identity, &master->session_owner,
                               master->sessions + master->n_sessions);
        if (r < 0)
                return r;
        master->n_sessions++;
        return 0;
}

/* Life */

static int master_plan_job(Master *master) {
        const Grid *grid = &master->job->grid;
        const PlanJob job = {
                .id = master->job->id,
                .n_items = grid->n_blocks,
                .delivery = PLAN_ORDERED,
                .priority = 100,
                .run_items = sieve_run_blocks(grid->from, grid->block_length),
                .spool_items_max = SPOOL_BYTES_MAX / (grid->block_length / 30),
        };

        return plan_job_add(master->plan, &job, store_present(master->job->store));
}

static int master_add_timers(Master *master) {
        int r;

        r = sd_event_add_time(master->event, &master->commit_timer, CLOCK_BOOTTIME, 0, USEC_PER_MSEC,
                              master_on_commit_timer, master);
        if (r >= 0)
                r = sd_event_source_set_enabled(master->commit_timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(master->event, &master->deadline_timer, CLOCK_BOOTTIME, 0, USEC_PER_MSEC,
                                      master_on_deadline, master);
        if (r >= 0)
                r = sd_event_source_set_enabled(master->deadline_timer, SD_EVENT_OFF);
        return r;
}

int master_new(sd_event *event, const MasterSettings *settings, const mpz_t from, const mpz_t to, Master **ret,
               Problem *problem) {
        _cleanup_(master_freep) Master *master = NULL;
        const PlanSettings plan_settings = PLAN_SETTINGS_DEFAULT;
        int r;

        master = malloc(sizeof *master);
        if (!master)
                return problem_set(problem, ENOMEM, "Out of memory");
        *master = (Master) {
                .event = sd_event_ref(event),
                .once = settings->once,
                .commit_pause_usec = COMMIT_PAUSE_USEC,
                .started_usec = clock_now_usec(),
                .session_owner = {
                        .on_joined = master_on_joined,
                        .on_request = master_on_request,
                        .on_block = master_on_block,
                        .on_hand_back = master_on_hand_back,
                        .on_ended = master_on_ended,
                        .name = settings->name,
                },
        };
        master->session_owner.userdata = master;

        r = master_job_open(from, to, settings->store_path, settings->segment_blocks, &master->job, problem);
        if (r < 0)
                return r;
        r = identity_new_ephemeral(&master->identity, problem);
        if (r < 0)
                return r;
        master->auditor = auditor_new();
        if (!master->auditor)
                return problem_set(problem, ENOMEM, "Out of memory");
        r = plan_new(&plan_settings, &master->plan);
        if (r >= 0)
                r = master_plan_job(master);
        if (r >= 0)
                r = master_add_timers(master);
        if (r < 0)
                return problem_set(problem, r, "Failed to set up the master: %m");
        master_check_finished(master);

        *ret = TAKE_PTR(master);
        return 0;
}

Master *master_free(Master *master) {
        if (!master)
                return NULL;
        for (size_t i = 0; i < master->n_sessions; i++)
                master_session_free(master->sessions[i]);
        free(master->sessions);
        sd_event_source_disable_unref(master->commit_timer);
        sd_event_source_disable_unref(master->deadline_timer);
        plan_free(master->plan);
        auditor_free(master->auditor);
        identity_free(master->identity);
        master_job_free(master->job);
        sd_event_unref(master->event);
        free(master);
        return NULL;
}

void master_stop(Master *master) {
        if (master->stopping)
                return;
        master->stopping = true;
        if (!master_commit(master))
                return;
        for (size_t i = 0; i < master->n_sessions; i++)
                master_session_close(master->sessions[i], BYE_DONE, "the master stops");
        if (master->n_sessions == 0)
                (void) sd_event_exit(master->event, EXIT_SUCCESS);
}

void master_status(const Master *master, MasterStatus *ret) {
        *ret = (MasterStatus) {
                .state = master->state,
                .grid = &master->job->grid,
                .n_blocks_present = store_present(master->job->store)->n_members,
                .n_blocks_at_start = master->job->n_blocks_at_start,
                .n_disagreements = master->job->n_disagreements,
                .started_usec = master->started_usec,
        };
        store_totals(master->job->store, &ret->totals);
        for (size_t i = 0; i < master->n_sessions; i++) {
                unsigned n_lanes = master_session_lanes(master->sessions[i]);

                ret->n_workers += n_lanes > 0;
                ret->n_lanes += n_lanes;
        }
}

const char *master_problem(const Master *master) {
        return master->problem.text;
}
