/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The row of jobs.
 *
 * A job that failed is out of the plan: its leases are revoked, and what came since the last commit may be lost. Its
 * blocks that workers delivered stay unacknowledged, so they are still on their shelves (master-chores.c says for how
 * long). When the store was opened again, those that it has after all are acknowledged, and the others are planned
 * anew: whoever computes them, all who wait for their acknowledgement get it.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/journal.h"
#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "master/master-state.h"
#include "prime/number.h"
#include "prime/sieve/cost.h"

#define JOB_NAME_MAX 64

DEFINE_TRIVIAL_CLEANUP_FUNC(MasterJob *, master_job_free);

MasterJob *master_job_by_id(const Master *master, uint64_t id) {
        for (size_t i = 0; i < master->n_jobs; i++)
                if (master->jobs[i]->id == id)
                        return master->jobs[i];
        return NULL;
}

int master_find_job(const Master *master, const char *name, size_t *ret_index) {
        for (size_t i = 0; i < master->n_jobs; i++)
                if (strcmp(master->jobs[i]->name, name) == 0) {
                        if (ret_index)
                                *ret_index = i;
                        return 0;
                }
        return -ENOENT;
}

/* NULL with a sentence: there is none. */
static MasterJob *master_want_job(const Master *master, const char *name, size_t *ret_index, Problem *problem) {
        size_t index;

        if (master_find_job(master, name, &index) < 0) {
                (void) problem_set(problem, ENOENT, "There is no job '%s'.", name);
                return NULL;
        }
        if (ret_index)
                *ret_index = index;
        return master->jobs[index];
}

/* The plan learns of a job with an open store. */
static int master_plan_job(Master *master, MasterJob *job) {
        const Grid *grid = &job->grid;
        const PlanJob planned = {
                .id = job->id,
                .n_items = grid->n_blocks,
                .delivery = PLAN_ORDERED,
                .priority = job->priority,
                .run_items = sieve_run_blocks(grid->from, grid->block_length),
                .spool_items_max = MAX(master->spool_max_bytes / (grid->block_length / 30), UINT64_C(1)),
        };
        int r;

        r = plan_job_add(master->plan, &planned, store_present(job->store));
        if (r >= 0)
                (void) plan_job_pause(master->plan, job->id, job->paused, clock_now_usec());
        return r;
}

/* coming */

static int master_check_name(const Master *master, const char *name, Problem *problem) {
        if (name[0] == '\0' || strlen(name) > JOB_NAME_MAX || strchr(name, '/') || name[0] == '.' ||
            strpbrk(name, " \t") || !utf8_is_plain(name, strlen(name)))
                return problem_set(problem, EINVAL, "'%s' cannot be the name of a job: it should be a word of at most "
                                   "%d bytes, without '/' and not beginning with '.'.", name, JOB_NAME_MAX);
        if (master_find_job(master, name, NULL) >= 0)
                return problem_set(problem, EEXIST, "There is a job '%s' already: choose another name.", name);
        if (master->n_jobs == MASTER_JOBS_MAX)
                return problem_set(problem, E2BIG, "There are %d jobs already: cancel one that is finished.",
                                   MASTER_JOBS_MAX);
        return 0;
}

static int master_check_interval(const Master *master, const MasterJobSettings *settings, Problem *problem) {
        for (size_t i = 0; i < master->n_jobs; i++) {
                const Grid *grid = &master->jobs[i]->grid;

                if (grid->open == !settings->to && mpz_cmp(grid->from, settings->from) == 0 &&
                    (grid->open || mpz_cmp(grid->to, settings->to) == 0))
                        return problem_set(problem, EEXIST, "The job '%s' has the same interval already.",
                                           master->jobs[i]->name);
        }
        return 0;
}

int master_add_job(Master *master, const MasterJobSettings *settings, Problem *problem) {
        _cleanup_(master_job_freep) MasterJob *job = NULL;
        MasterJob **grown;
        int r;

        r = master_check_name(master, settings->name, problem);
        if (r >= 0)
                r = master_check_interval(master, settings, problem);
        if (r >= 0)
                r = master_job_open(settings, &master->rules, master->disk, &job, problem);
        if (r < 0)
                return r;
        grown = reallocarray(master->jobs, master->n_jobs + 1, sizeof *grown);
        if (!grown)
                return problem_set(problem, ENOMEM, "Out of memory");
        master->jobs = grown;
        r = master_plan_job(master, job);
        if (r < 0)
                return problem_set(problem, r, "Failed to plan the job '%s': %m", settings->name);
        master->jobs[master->n_jobs++] = job;
        master_job_event(master, LOG_INFO, MESSAGE_ID_JOB_ADDED, job, "Job '%s' was added; its store '%s' has %" PRIu64
                         " block%s", job->name, job->store_path, job->n_blocks_at_start,
                         text_plural(job->n_blocks_at_start));
        if (store_n_damaged(job->store) > 0)
                log_notice("The store '%s' had %" PRIu64 " damaged or unfinished place%s in files that are not sealed; "
                           "what was there is computed again.", job->store_path, store_n_damaged(job->store),
                           text_plural(store_n_damaged(job->store)));
        master_announce_job(master, job);
        master_check_finished(master, job);
        master_check_room(master, job, clock_now_usec());
        TAKE_PTR(job);
        master_changed(master);
        master_serve(master);
        return 0;
}

/* going on and ending */

void master_check_finished(Master *master, MasterJob *job) {
        char primes[TEXT_SIZE];
        StoreTotals totals;
        bool at_start;

        if (job->finished || !job->store || !master_job_is_complete(job))
                return;
        at_start = job->n_blocks_at_start == job->grid.n_blocks;
        job->finished = true;
        if (!at_start) {
                job->finished_usec = clock_now_usec();
                job->looked_usec = 0; /* the room is looked at once more */
                for (size_t i = 0; i < master->n_workers; i++)
                        master_flush_ranges(master, master->workers[i], job, USEC_INFINITY);
                store_totals(job->store, &totals);
                master_job_event(master, LOG_NOTICE, MESSAGE_ID_JOB_FINISHED, job,
                                 "Job '%s' is finished: %s primes, unaudited", job->name,
                                 text_grouped(totals.n_primes, primes));
        }
        master_changed(master);
        if (!master->once)
                return;
        for (size_t i = 0; i < master->n_workers; i++)
                master_session_close(master->workers[i]->session, BYE_DONE, "the job is finished");
        if (master->n_workers == 0)
                (void) sd_event_exit(master->event, EXIT_SUCCESS);
}

void master_tell_lack(Master *master, MasterJob *job, int error, const Problem *why) {
        Problem told = PROBLEM_NONE;

        (void) problem_set(&told, error, "%.900s Once there is room the job goes on by itself.", why->text);
        if (strcmp(told.text, job->problem.text) == 0)
                return;
        job->problem = told;
        master_changed(master);
}

void master_fail_job(Master *master, MasterJob *job, int error, const Problem *problem) {
        usec_t now = clock_now_usec();
        bool lacks_space = room_is_lack(error);
        Problem told = PROBLEM_NONE;

        if (!job->store)
                return;
        if (master->once && !lacks_space)
                told = *problem;
        else if (lacks_space)
                (void) problem_set(&told, error, "%.900s Once there is room the job goes on by itself.", problem->text);
        else if (job->finished)
                (void) problem_set(&told, error, "%.700s 'primectl verify --repair --store %s' puts aside what is "
                                   "damaged; 'primectl start' with the same interval computes it again.",
                                   problem->text, job->store_path);
        else
                (void) problem_set(&told, error, "%.900s 'primectl resume %s' starts it again.", problem->text,
                                   job->name);
        master_end_vacuum(job, error, told.text);
        master_job_fail(job, error, &told, now);
        if (master->once && !lacks_space) {
                master->problem = *problem;
                master_fail(master);
                return;
        }
        for (size_t i = 0; i < master->n_workers; i++) {
                DoneRange range;

                while (range_log_pop(&master->workers[i]->ranges, &job->id, USEC_INFINITY, &range))
                        ; /* some of it may be lost */
        }
        job->retry_usec = lacks_space ? now + MAX(job->retry_pause_usec, USEC_PER_SEC) : USEC_INFINITY;
        (void) plan_job_remove(master->plan, job->id);
        /* Who waits in the foreground is told by whoever started the master. */
        if (!master->once)
                master_job_event(master, LOG_ERR, MESSAGE_ID_JOB_FAILED, job, "Job '%s' failed: %s", job->name,
                                 told.text);
        master_changed(master);
}

int master_revive_job(Master *master, MasterJob *job, Problem *problem) {
        Problem why = PROBLEM_NONE;
        bool make_room;
        RoomLack lack;
        int r;

        master_measure_closed(master);
        r = master_look_for_room(master, job, false, &lack, &why);
        make_room = r < 0 && master_can_make_room(master, job, &lack);
        if (r < 0 && !make_room)
                return problem_set(problem, r, "%s", why.text);
        r = master_job_reopen(job, problem);
        if (r < 0)
                return r;
        r = master_plan_job(master, job);
        if (r < 0) {
                Problem own = PROBLEM_NONE;

                (void) problem_set(&own, r, "Failed to plan the job '%s': %m", job->name);
                master_job_fail(job, r, &own, clock_now_usec());
                return problem_set(problem, r, "%s", own.text);
        }
        for (size_t i = 0; i < master->n_workers; i++)
                master_session_on_durable(master->workers[i]->session, job->id, store_present(job->store));
        master_job_event(master, LOG_NOTICE, MESSAGE_ID_JOB_RESUMED, job, "Job '%s' goes on: its store can be written",
                         job->name);
        if (make_room)
                master_make_room(master);
        master_check_finished(master, job);
        master_changed(master);
        return 0;
}

int master_pause_job(Master *master, const char *name, bool paused, Problem *problem) {
        MasterJob *job = master_want_job(master, name, NULL, problem);
        int r;

        if (!job)
                return -ENOENT;
        if (master_job_state(job) == MASTER_JOB_FAILED) {
                bool was_paused = job->paused;

                job->paused = paused;
                r = paused ? 0 : master_revive_job(master, job, problem);
                if (r < 0)
                        job->paused = was_paused;
                master_serve(master);
                return r;
        }
        if (job->paused == paused)
                return 0;
        job->paused = paused;
        (void) plan_job_pause(master->plan, job->id, paused, clock_now_usec());
        if (!job->finished)
                master_job_event(master, LOG_INFO, paused ? MESSAGE_ID_JOB_PAUSED : MESSAGE_ID_JOB_RESUMED, job,
                                 "Job '%s' was %s", job->name, paused ? "paused" : "resumed");
        master_changed(master);
        master_serve(master);
        return 0;
}

int master_set_job_priority(Master *master, const char *name, unsigned priority, Problem *problem) {
        MasterJob *job = master_want_job(master, name, NULL, problem);

        if (!job)
                return -ENOENT;
        if (priority < 1 || priority > WIRE_PRIORITY_MAX)
                return problem_set(problem, EINVAL, "A priority is from 1 to %d, not %u.", WIRE_PRIORITY_MAX, priority);
        if (job->priority == priority)
                return 0;
        job->priority = priority;
        (void) plan_job_set_priority(master->plan, job->id, priority);
        master_announce_job(master, job);
        master_changed(master);
        return 0;
}

int master_remove_job(Master *master, const char *name, Problem *problem) {
        size_t index = 0;
        MasterJob *job = master_want_job(master, name, &index, problem);
        Problem own = PROBLEM_NONE;

        if (!job)
                return -ENOENT;
        if (master_commit_job(master, job, &own) < 0)
                log_warning("Job '%s' is cancelled, and its last blocks are lost: %s", job->name, own.text);
        for (size_t i = 0; i < master->n_workers; i++) {
                master_flush_ranges(master, master->workers[i], job, USEC_INFINITY);
                master_session_release(master->workers[i]->session, job->id);
        }
        (void) plan_job_remove(master->plan, job->id);
        memmove(master->jobs + index, master->jobs + index + 1,
                (master->n_jobs - index - 1) * sizeof(MasterJob *));
        master->n_jobs--;
        master_job_event(master, LOG_INFO, MESSAGE_ID_JOB_CANCELLED, job, "Job '%s' was cancelled; its store stays in "
                         "'%s'", job->name, job->store_path);
        master_end_vacuum(job, -ECANCELED, "The job was cancelled.");
        master_job_free(job);
        master_changed(master);
        master_serve(master);
        return 0;
}

/* queries */

size_t master_n_jobs(const Master *master) {
        return master->n_jobs;
}

void master_job_status(const Master *master, size_t index, MasterJobStatus *ret) {
        const MasterJob *job = master->jobs[index];

        *ret = (MasterJobStatus) {
                .name = job->name,
                .store_path = job->store_path,
                .id = job->id,
                .grid = &job->grid,
                .state = master_job_state(job),
                .problem = job->problem.text,
                .priority = job->priority,
                .certainty = job->grid.open ? job->certainty ?: CERTAINTY_BPSW
                                            : certainty_at(job->certainty, job->grid.to),
                .totals = job->last_totals,
                .n_blocks_present = job->n_last_present,
                .n_blocks_at_start = job->n_blocks_at_start,
                .n_disagreements = job->n_disagreements,
                .finished_usec = job->finished_usec,
        };
        if (ret->state == MASTER_JOB_RUNNING)
                ret->rate = rate_window_per_second(&job->rate, clock_now_usec());
        if (job->store) {
                store_totals(job->store, &ret->totals);
                ret->n_blocks_present = store_present(job->store)->n_members;
        }
}
