/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Between the plan and the lanes that wait. */

#include <errno.h>

#include "base/log.h"
#include "master/master-state.h"

static void master_send_revocations(Master *master) {
        PlanRevocation revocation;

        while (plan_pop_revocation(master->plan, &revocation))
                for (size_t i = 0; i < master->n_workers; i++)
                        if (master_session_number(master->workers[i]->session) == revocation.worker)
                                master_session_revoke(master->workers[i]->session, revocation.job, revocation.first,
                                                      revocation.end);
}

/* It was announced long ago, and so many others since then that the worker need not know it any more. */
static void master_remind(const Master *master, MasterSession *session, uint64_t id) {
        const MasterJob *job = master_job_by_id(master, id);

        if (job && !master_session_remembers(session, id))
                master_session_announce(session, id, &job->grid, job->certainty, job->priority);
}

/*
 * Asks the plan on behalf of the worker's waiting lanes. A lease may take what another lane has not begun, and that
 * lane may be one of the same worker: a worker drops revoked blocks wherever it has them, so the revocation goes first.
 */
void master_serve_worker(Master *master, MasterWorker *worker) {
        MasterSession *session = worker->session;

        if (!worker->joined || master->stopping)
                return;
        for (int lane = -1; (lane = master_session_next_lane(session, (unsigned) (lane + 1))) >= 0;) {
                PlanAnswer answer = PLAN_WAIT;
                PlanLease lease;

                /* A lane beyond the cap waits until the cap is raised: its worker asks once only. */
                if ((unsigned) lane < worker->n_lanes) {
                        plan_lane_window(master->plan, master_session_number(session), (unsigned) lane,
                                         master_session_window_blocks(session, (unsigned) lane));
                        answer = plan_lease(master->plan, master_session_number(session), (unsigned) lane,
                                            clock_now_usec(), &lease);
                }
                master_send_revocations(master);
                switch (answer) {
                case PLAN_GRANTED:
                        master_remind(master, session, lease.job);
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

static void master_note_work(Master *master) {
        bool has_work = plan_has_work(master->plan);

        if (has_work == (master->idle_usec == USEC_INFINITY))
                return;
        master->idle_usec = has_work ? USEC_INFINITY : clock_now_usec();
        master_changed(master);
}

void master_serve(Master *master) {
        master_send_revocations(master);
        for (unsigned round = 0; round < 2 && plan_generation(master->plan) != master->served_generation; round++) {
                master->served_generation = plan_generation(master->plan);
                for (size_t i = 0; i < master->n_workers; i++)
                        master_serve_worker(master, master->workers[i]);
        }
        master_arm_deadline(master);
        master_note_work(master);
        master_arm_chores(master);
}

int master_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
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

void master_update_lanes(Master *master, MasterWorker *worker, unsigned n_asked) {
        unsigned n = MIN(n_asked, master_session_lanes(worker->session));

        worker->n_lanes_asked = n;
        if (worker->cap.threads_max > 0)
                n = MIN(n, worker->cap.threads_max);
        if (n == worker->n_lanes)
                return;
        /* Without memory it stays as it is: the lanes beyond wait a little longer. */
        if (plan_worker_set_lanes(master->plan, master_session_number(worker->session), n, clock_now_usec()) >= 0)
                worker->n_lanes = n;
        master_serve_worker(master, worker);
}
