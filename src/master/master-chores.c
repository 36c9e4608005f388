/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is due later, on one timer that sleeps when nothing is.
 *
 * Sessions without work. A worker that gets nothing is let go after a moment, so that its host can stop it; the
 * doorbell calls it back. Not while blocks of it await their acknowledgement; and one that has just come, or whose job
 * was paused a moment ago, may have blocks to deliver.
 *
 * Failed jobs. Lack of space mends itself, so the store is opened again once there is room (master-retain.c). What
 * workers delivered to the job before it failed stays unacknowledged for a while, for then a quick recovery wastes
 * least; but a worker's shelf is bounded and serves all jobs. So after that it is told to forget these blocks: they are
 * holes of the job, and are computed again when it goes on.
 */

#include "base/log.h"
#include "master/master-state.h"

#define IDLE_USEC (3 * USEC_PER_SEC) /* the LAN is told of work=0 before that, so that nobody rings again */
#define HELLO_USEC (15 * USEC_PER_SEC)       /* a session that has not joined by then is dropped */
#define KEEP_USEC (30 * USEC_PER_SEC)
#define ROOM_LOOK_USEC (3 * USEC_PER_SEC)
#define RETRY_PAUSE_MAX_USEC (5 * USEC_PER_MINUTE)

/* When the session may be closed; USEC_INFINITY: not before something else happens. */
static usec_t worker_due(const Master *master, const MasterWorker *worker) {
        usec_t active = MAX(worker->joined_usec, worker->block_usec);

        if (!worker->joined)
                return worker->added_usec + HELLO_USEC;
        if (master->once || master->idle_usec == USEC_INFINITY || master_session_has_pending(worker->session))
                return USEC_INFINITY;
        return MAX(active, master->idle_usec) + IDLE_USEC;
}

static bool worker_is_gone(const MasterWorker *worker) {
        return master_session_is_closing(worker->session);
}

static usec_t job_due(const MasterJob *job) {
        return MIN(job->retry_usec, job->kept ? job->failed_usec + KEEP_USEC : USEC_INFINITY);
}

void master_arm_chores(Master *master) {
        usec_t due = USEC_INFINITY;

        for (size_t i = 0; i < master->n_workers; i++)
                if (!worker_is_gone(master->workers[i]))
                        due = MIN(due, worker_due(master, master->workers[i]));
        for (size_t i = 0; i < master->n_jobs; i++)
                due = MIN(due, job_due(master->jobs[i]));
        if (due == USEC_INFINITY || master->stopping)
                (void) sd_event_source_set_enabled(master->chores_timer, SD_EVENT_OFF);
        else {
                (void) sd_event_source_set_time(master->chores_timer, due);
                (void) sd_event_source_set_enabled(master->chores_timer, SD_EVENT_ONESHOT);
        }
}

/* A quota is not seen from outside: there the pauses grow. */
static void master_retry_job(Master *master, MasterJob *job, usec_t now) {
        Problem problem = PROBLEM_NONE;
        RoomLack lack;
        int r;

        job->retry_usec = now + ROOM_LOOK_USEC;
        master_measure_closed(master);
        r = master_look_for_room(master, job, true, &lack, &problem);
        if (r < 0 && !master_can_make_room(master, job, &lack)) {
                master_tell_lack(master, job, r, &problem);
                return;
        }
        job->retry_pause_usec = CLAMP(job->retry_pause_usec * 2, ROOM_LOOK_USEC, RETRY_PAUSE_MAX_USEC);
        if (master_revive_job(master, job, &problem) < 0) {
                log_debug("Job '%s' cannot go on yet: %s", job->name, problem.text);
                job->retry_usec = now + job->retry_pause_usec;
        }
}

static void master_release_job(Master *master, MasterJob *job) {
        job->kept = false;
        for (size_t i = 0; i < master->n_workers; i++)
                master_session_release(master->workers[i]->session, job->id);
}

int master_on_chores(sd_event_source *source, uint64_t usec, void *userdata) {
        Master *master = userdata;
        usec_t now = clock_now_usec();

        for (size_t i = 0; i < master->n_jobs; i++) {
                MasterJob *job = master->jobs[i];

                if (job->retry_usec <= now)
                        master_retry_job(master, job, now);
                if (job->kept && job->failed_usec + KEEP_USEC <= now)
                        master_release_job(master, job);
        }
        for (size_t i = master->n_workers; i-- > 0;) {
                MasterWorker *worker = master->workers[i];

                if (worker_is_gone(worker) || worker_due(master, worker) > now)
                        continue;
                if (worker->joined)
                        master_session_close(worker->session, BYE_DONE, "no work");
                else
                        master_drop_worker(master, worker);
        }
        master_serve(master);
        return 0;
}
