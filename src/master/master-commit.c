/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Commits are grouped: the first block after a commit starts a timer, and everything that arrives until it fires
 * shares one fdatasync of its job. The pause grows with the time that syncs take, so that a slow card spends a fifth
 * of its time on them at most.
 */

#include <errno.h>
#include <string.h>

#include "master/master-state.h"

#define COMMIT_PAUSE_FACTOR 4 /* pause : sync */
#define COMMIT_PAUSE_MAX_USEC (2 * USEC_PER_SEC)

/* Who computed what is about to become durable. */
static int master_put_provenance(MasterJob *job, const MasterSession *session, Problem *problem) {
        const IntervalSet *pending = master_session_pending(session, job->id);
        Interval mine, new;
        int r;

        for (uint64_t at = 0; pending && interval_set_next(pending, at, &mine); at = new.end) {
                StoreProvenance provenance = {
                        .worker_name = master_session_name(session),
                        .realtime_usec = clock_realtime_usec(),
                        .check = audit_checks(&job->grid, mine.first),
                };

                if (!interval_set_next(&job->uncommitted, mine.first, &new))
                        break;
                if (new.first >= mine.end) {
                        new.end = mine.end;
                        continue;
                }
                new.end = MIN(new.end, mine.end);
                provenance.first = new.first;
                provenance.end = new.end;
                memcpy(provenance.worker_id, master_session_peer_id(session), sizeof provenance.worker_id);
                r = store_put_provenance(job->store, &provenance, problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

int master_commit_job(Master *master, MasterJob *job, Problem *problem) {
        IntervalSet durable = INTERVAL_SET_EMPTY;
        int provenance = 0, r;

        if (!job->store || !master_job_is_dirty(job))
                return 0;
        for (size_t i = 0; i < master->n_workers && provenance >= 0; i++)
                provenance = master_put_provenance(job, master->workers[i]->session, problem);
        /* Without room for history, what is written of the blocks can become durable all the same. */
        r = provenance >= 0 || room_is_lack(provenance) ? store_commit(job->store, &durable, problem)
                                                                  : provenance;
        if (r >= 0) {
                for (size_t i = 0; i < master->n_workers; i++)
                        master_session_on_durable(master->workers[i]->session, job->id, &durable);
                interval_set_done(&job->uncommitted);
                job->retry_pause_usec = 0;
        } else
                (void) problem_set(problem, r, "Failed to write the store '%s': %m", job->store_path);
        interval_set_done(&durable);
        if (r >= 0 && store_wants_space(job->store))
                r = problem_set(problem, ENOSPC, "There is no space left to keep the store '%s' in order; what was "
                                "found is safe. Make room.", job->store_path);
        return r < 0 ? r : provenance;
}

bool master_commit(Master *master) {
        usec_t begin = clock_now_usec();
        bool good = true;

        if (master->failed)
                return false;
        (void) sd_event_source_set_enabled(master->commit_timer, SD_EVENT_OFF);
        for (size_t i = 0; i < master->n_jobs; i++) {
                Problem problem = PROBLEM_NONE;
                int r = master_commit_job(master, master->jobs[i], &problem);

                if (r < 0) {
                        master_fail_job(master, master->jobs[i], r, &problem);
                        good = false;
                }
        }
        master->commit_pause_usec = CLAMP((clock_now_usec() - begin) * COMMIT_PAUSE_FACTOR, COMMIT_PAUSE_USEC,
                                          COMMIT_PAUSE_MAX_USEC);
        return good;
}

static void master_commit_and_check(Master *master) {
        (void) master_commit(master);
        for (size_t i = 0; i < master->n_jobs; i++) {
                master_check_finished(master, master->jobs[i]);
                master_check_room(master, master->jobs[i], clock_now_usec());
        }
        master_serve(master);
}

int master_on_commit_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        master_commit_and_check(userdata);
        return 0;
}

void master_schedule_commit(Master *master, MasterJob *job) {
        int enabled;

        /* The last block of all: nothing else will come that could share the sync. */
        if (store_present(job->store)->n_members == job->grid.n_blocks) {
                master_commit_and_check(master);
                return;
        }
        if (sd_event_source_get_enabled(master->commit_timer, &enabled) >= 0 && enabled != SD_EVENT_OFF)
                return;
        (void) sd_event_source_set_time(master->commit_timer, clock_now_usec() + master->commit_pause_usec);
        (void) sd_event_source_set_enabled(master->commit_timer, SD_EVENT_ONESHOT);
}
