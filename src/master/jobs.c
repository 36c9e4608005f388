/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Registry and master, kept together.
 *
 * A new job is given to the master first, which makes its store, and to the registry then: if that fails, the master
 * lets it go again, and if the machine stops in between, the store is adopted as a paused job. All other changes go to
 * the registry first.
 */

#include "master/jobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/journal.h"
#include "base/log.h"
#include "prime/number.h"
#include "store/layout.h"
#include "store/store-name.h"

/* Why the store of a listed job is not open. */
typedef struct ClosedJob {
        char *name;
        char *reason;
} ClosedJob;

struct Jobs {
        JobsSettings settings;
        char *store_root;
        JobRegistry *registry;
        ClosedJob *closed;
        size_t n_closed;
        size_t *listed; /* indices in the registry */
        size_t n_listed;
};

/* Of a job that the master does not have: it tells of the others. */
static void jobs_tell(int priority, const char *message_id, const RegistryJob *job, const char *what) {
        const JournalField fields[] = {
                { "PRIMED_JOB", job->name },
                { "PRIMED_STORE", job->store },
        };

        journal_event(priority, message_id, fields, ELEMENTSOF(fields), "Job '%s': %s", job->name, what);
}

/* the list */

static int jobs_relist(Jobs *jobs) {
        size_t n_all = job_registry_n_jobs(jobs->registry);
        size_t *listed = reallocarray(jobs->listed, n_all + 1, sizeof *listed);

        if (!listed)
                return -ENOMEM; /* the old list may name entries that are not listed any more, none that is not there */
        jobs->listed = listed;
        jobs->n_listed = 0;
        for (size_t i = 0; i < n_all; i++)
                if (registry_job_is_listed(job_registry_job(jobs->registry, i)))
                        listed[jobs->n_listed++] = i;
        return 0;
}

size_t jobs_n(const Jobs *jobs) {
        return jobs->n_listed;
}

static ClosedJob *jobs_find_closed(const Jobs *jobs, const char *name) {
        for (size_t i = 0; i < jobs->n_closed; i++)
                if (strcmp(jobs->closed[i].name, name) == 0)
                        return jobs->closed + i;
        return NULL;
}

static void jobs_forget_closed(Jobs *jobs, const char *name) {
        ClosedJob *closed = jobs_find_closed(jobs, name);

        if (!closed)
                return;
        free(closed->name);
        free(closed->reason);
        *closed = jobs->closed[--jobs->n_closed];
}

static int jobs_remember_closed(Jobs *jobs, const char *name, const char *reason) {
        ClosedJob new = { strdup(name), strdup(reason) }, *grown;

        jobs_forget_closed(jobs, name);
        grown = reallocarray(jobs->closed, jobs->n_closed + 1, sizeof *grown);
        if (grown)
                jobs->closed = grown;
        if (!grown || !new.name || !new.reason) {
                free(new.name);
                free(new.reason);
                return -ENOMEM;
        }
        grown[jobs->n_closed++] = new;
        return 0;
}

void jobs_entry(const Jobs *jobs, size_t index, JobsEntry *ret) {
        const RegistryJob *job = job_registry_job(jobs->registry, jobs->listed[index]);
        const ClosedJob *closed = jobs_find_closed(jobs, job->name);
        size_t at;

        *ret = (JobsEntry) { .job = job, .problem = closed ? closed->reason : "" };
        if (master_find_job(jobs->settings.master, job->name, &at) < 0)
                return;
        master_job_status(jobs->settings.master, at, &ret->status);
        ret->open = true;
        ret->problem = ret->status.problem;
}

/* The listed entry of this name, or NULL with a sentence: there is none. */
static const RegistryJob *jobs_want(const Jobs *jobs, const char *name, Problem *problem) {
        const RegistryJob *job = job_registry_find(jobs->registry, name);

        if (job && registry_job_is_listed(job))
                return job;
        (void) problem_set(problem, ENOENT, "There is no job '%s': 'primectl jobs' lists those there are.", name);
        return NULL;
}

static bool jobs_is_finished(const Jobs *jobs, const char *name) {
        MasterJobStatus status;
        size_t at;

        if (master_find_job(jobs->settings.master, name, &at) < 0)
                return false;
        master_job_status(jobs->settings.master, at, &status);
        return status.state == MASTER_JOB_FINISHED;
}

/* stores */

static int store_has_job_file(const char *path) {
        _cleanup_free_ char *file = NULL;

        if (asprintf(&file, "%s/" LAYOUT_JOB, path) < 0)
                return -ENOMEM;
        return access(file, F_OK) >= 0 ? 1 : errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

static char *jobs_new_store_path(const Jobs *jobs, const char *name) {
        char *path;

        return asprintf(&path, "%s/%s", jobs->store_root, name) < 0 ? NULL : path;
}

/*
 * An entry's store was there once. When it is not, it is not begun anew: it may lie on a disk that is not mounted, or
 * somebody moved it, perhaps to the folder where stores are now.
 */
static int jobs_find_store(const Jobs *jobs, const RegistryJob *job, char **ret, Problem *problem) {
        _cleanup_free_ char *elsewhere = jobs_new_store_path(jobs, job->name), *there = strdup(job->store);
        int r;

        if (!elsewhere || !there)
                return problem_set(problem, ENOMEM, "Out of memory.");
        r = store_has_job_file(there);
        if (r > 0) {
                *ret = TAKE_PTR(there);
                return 0;
        }
        if (r < 0)
                return problem_set(problem, r, "The store '%s' cannot be looked at: %m.", there);
        r = store_has_job_file(elsewhere);
        if (r > 0) {
                *ret = TAKE_PTR(elsewhere);
                return 0;
        }
        return problem_set(problem, ENOENT, "The store '%s' is not there any more: bring it back (is its disk "
                           "mounted?) and run 'primectl resume %s', or begin anew with 'primectl cancel %s' and "
                           "'primectl start'.", there, job->name, job->name);
}

/* Gives the job to the master. */
static int jobs_open_in(Jobs *jobs, const RegistryJob *job, const char *store, Problem *problem) {
        _cleanup_mpz_ mpz_t from, to;
        MasterJobSettings settings = {
                .name = job->name,
                .from = from,
                .to = job->to ? to : NULL,
                .store_path = store,
                .priority = job->priority,
                .certainty = job->certainty,
                .paused = job->state == REGISTRY_PAUSED,
        };
        int r;

        mpz_inits(from, to, NULL);
        r = number_parse(from, job->from, problem);
        if (r >= 0 && job->to)
                r = number_parse(to, job->to, problem);
        if (r >= 0)
                r = master_add_job(jobs->settings.master, &settings, problem);
        return r;
}

/* The same, with the store that it had. A failure is remembered. */
static int jobs_open(Jobs *jobs, const char *name, Problem *problem) {
        const RegistryJob *job = job_registry_find(jobs->registry, name);
        _cleanup_free_ char *store = NULL;
        Problem why = PROBLEM_NONE;
        int r;

        r = jobs_find_store(jobs, job, &store, &why);
        if (r >= 0)
                r = jobs_open_in(jobs, job, store, &why);
        if (r >= 0 && strcmp(store, job->store) != 0) {
                RegistryJob moved = *job;

                moved.store = store;
                (void) job_registry_put(jobs->registry, &moved, NULL); /* else it is found there again next time */
                job = job_registry_find(jobs->registry, name);
        }
        if (r >= 0) {
                jobs_forget_closed(jobs, name);
                return 0;
        }
        (void) jobs_remember_closed(jobs, name, why.text);
        jobs_tell(LOG_ERR, MESSAGE_ID_JOB_FAILED, job, why.text);
        return problem_set(problem, r == -ENOENT ? EIO : r, "%s", why.text); /* the job is there, its store is not */
}

/* changes */

/* The job is not listed: a new one, or one that was cancelled or withdrawn. */
static int jobs_begin(Jobs *jobs, RegistryJob *job, Problem *problem) {
        const RegistryJob *old = job_registry_find(jobs->registry, job->name);
        _cleanup_free_ char *store = NULL;
        int r;

        job->certainty = job->certainty ?: old ? old->certainty : 0;
        if (old) /* goes on with its store, unless that is gone */
                (void) jobs_find_store(jobs, old, &store, NULL);
        if (!store)
                store = jobs_new_store_path(jobs, job->name);
        if (!store)
                return problem_set(problem, ENOMEM, "Out of memory.");
        job->store = store;
        job->state = REGISTRY_ACTIVE;
        job->created_usec = clock_realtime_usec();
        r = jobs_open_in(jobs, job, store, problem);
        if (r == -EEXIST)
                r = -ENOTEMPTY; /* not the job is there, but a folder of its name */
        if (r >= 0) {
                r = job_registry_put(jobs->registry, job, problem);
                if (r < 0)
                        (void) master_remove_job(jobs->settings.master, job->name, NULL);
        }
        if (r >= 0) {
                jobs_forget_closed(jobs, job->name);
                r = jobs_relist(jobs);
        }
        job->store = NULL; /* freed here */
        return r;
}

/* Closes the store of a finished job, so that it is looked at anew: a person may have taken segments out of it. */
static int jobs_again(Jobs *jobs, const RegistryJob *job, unsigned priority, Certainty certainty, Problem *problem) {
        RegistryJob changed = *job;
        int r;

        changed.state = REGISTRY_ACTIVE;
        changed.priority = priority > 0 ? priority : job->priority;
        changed.certainty = certainty ?: job->certainty;
        r = job_registry_put(jobs->registry, &changed, problem);
        if (r >= 0)
                r = master_remove_job(jobs->settings.master, changed.name, problem);
        return r >= 0 ? jobs_open(jobs, changed.name, problem) : r;
}

/* Fills name, from and to, which registry_ends_done() frees. */
static int registry_ends(RegistryJob *job, const mpz_t from, mpz_srcptr to, Problem *problem) {
        Grid grid;
        int r;

        r = grid_init(&grid, from, to, problem);
        if (r < 0)
                return r;
        grid_done(&grid);
        job->name = store_name(from, to);
        job->from = number_format(from);
        job->to = to ? number_format(to) : NULL;
        return !job->name || !job->from || (to && !job->to) ? problem_set(problem, ENOMEM, "Out of memory.") : 0;
}

static void registry_ends_done(RegistryJob *job) {
        free(job->name);
        free(job->from);
        free(job->to);
}

int jobs_add(Jobs *jobs, const mpz_t from, mpz_srcptr to, unsigned priority, Certainty certainty, const char **ret_name,
             Problem *problem) {
        RegistryJob new = {
                .priority = priority > 0 ? priority : MASTER_PRIORITY_DEFAULT,
                .certainty = certainty,
                .origin = REGISTRY_BY_COMMAND,
        };
        const RegistryJob *old;
        int r;

        r = registry_ends(&new, from, to, problem);
        if (r >= 0)
                r = certainty_check(certainty, to, problem);
        if (r < 0)
                goto finish;
        old = job_registry_find(jobs->registry, new.name);
        if (!old || !registry_job_is_listed(old))
                r = jobs_begin(jobs, &new, problem);
        else if (jobs_is_finished(jobs, new.name))
                r = jobs_again(jobs, old, priority, certainty, problem);
        else
                r = problem_set(problem, EEXIST, old->state == REGISTRY_PAUSED ?
                                "The job %s is there already, paused: 'primectl resume %s' goes on with it." :
                                "The job %s is there already: 'primectl jobs' tells how far it is.",
                                new.name, new.name);
        if (r >= 0)
                *ret_name = job_registry_find(jobs->registry, new.name)->name;
finish:
        registry_ends_done(&new);
        return r;
}

int jobs_pause(Jobs *jobs, const char *name, bool paused, Problem *problem) {
        const RegistryJob *job = jobs_want(jobs, name, problem);
        int r;

        if (!job)
                return -ENOENT;
        if (jobs_is_finished(jobs, name))
                return problem_set(problem, EALREADY, "The job %s is finished: its primes are in '%s'.", name,
                                   job->store);
        r = job_registry_set_state(jobs->registry, name, paused ? REGISTRY_PAUSED : REGISTRY_ACTIVE, problem);
        if (r < 0)
                return r;
        if (master_find_job(jobs->settings.master, name, NULL) >= 0)
                return master_pause_job(jobs->settings.master, name, paused, problem);
        return paused ? 0 : jobs_open(jobs, name, problem);
}

/* Takes a listed job off the list. */
static int jobs_end(Jobs *jobs, const char *name, RegistryState state, Problem *problem) {
        int r;

        r = job_registry_set_state(jobs->registry, name, state, problem);
        if (r < 0)
                return r;
        if (master_find_job(jobs->settings.master, name, NULL) >= 0)
                r = master_remove_job(jobs->settings.master, name, problem);
        else /* its store could not be opened, or was not tried yet: a job that master.conf does not name any more */
                jobs_tell(LOG_INFO, MESSAGE_ID_JOB_CANCELLED, job_registry_find(jobs->registry, name),
                          state == REGISTRY_WITHDRAWN ? "withdrawn, for master.conf does not name it any more"
                                                      : "cancelled; its store could not be opened");
        jobs_forget_closed(jobs, name);
        return jobs_relist(jobs) < 0 ? problem_set(problem, ENOMEM, "Out of memory.") : r;
}

int jobs_cancel(Jobs *jobs, const char *name, const char **ret_store, Problem *problem) {
        const RegistryJob *job = jobs_want(jobs, name, problem);
        int r;

        if (!job)
                return -ENOENT;
        r = jobs_end(jobs, job->name, REGISTRY_CANCELLED, problem);
        if (r >= 0 && ret_store)
                *ret_store = job->store;
        return r;
}

/* the standing job */

/* Withdraws every job of the config but `keep`. */
static int jobs_withdraw(Jobs *jobs, const char *keep, Problem *problem) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < job_registry_n_jobs(jobs->registry); i++) {
                const RegistryJob *job = job_registry_job(jobs->registry, i);

                if (job->origin != REGISTRY_BY_CONFIG || (keep && strcmp(keep, job->name) == 0))
                        continue;
                if (registry_job_is_listed(job))
                        r = jobs_end(jobs, job->name, REGISTRY_WITHDRAWN, problem);
                else /* a cancelled one may come back with the config */
                        r = job_registry_set_state(jobs->registry, job->name, REGISTRY_WITHDRAWN, problem);
        }
        return r;
}

static int jobs_keep_standing(Jobs *jobs, const RegistryJob *job, const RegistryJob *new, Problem *problem) {
        bool is_renewed = job->certainty != new->certainty;
        RegistryJob changed = *job;
        size_t at;
        int r;

        if (job->origin != REGISTRY_BY_CONFIG || (job->priority == new->priority && !is_renewed))
                return 0; /* a command's job keeps what the command said */
        changed.priority = new->priority;
        changed.certainty = new->certainty;
        r = job_registry_put(jobs->registry, &changed, problem);
        job = job_registry_find(jobs->registry, changed.name);
        if (r < 0 || master_find_job(jobs->settings.master, job->name, &at) < 0)
                return r;
        if (!is_renewed)
                return master_set_job_priority(jobs->settings.master, job->name, new->priority, problem);
        /* Workers know it as another job then. */
        r = master_remove_job(jobs->settings.master, job->name, problem);
        return r >= 0 ? jobs_open(jobs, job->name, problem) : r;
}

int jobs_set_standing(Jobs *jobs, const StandingJob *standing, Problem *problem) {
        RegistryJob new = { .origin = REGISTRY_BY_CONFIG };
        const RegistryJob *old;
        int r;

        if (!standing)
                return jobs_withdraw(jobs, NULL, problem);
        new.priority = standing->priority;
        new.certainty = standing->certainty;
        r = registry_ends(&new, standing->from, standing->to, problem);
        if (r >= 0)
                r = jobs_withdraw(jobs, new.name, problem);
        if (r < 0)
                goto finish;
        old = job_registry_find(jobs->registry, new.name);
        if (old && registry_job_is_listed(old))
                r = jobs_keep_standing(jobs, old, &new, problem);
        else if (old && old->state == REGISTRY_CANCELLED)
                log_notice("The job %s of master.conf stays cancelled: 'primectl start' with the same ends brings it "
                           "back.", new.name);
        else
                r = jobs_begin(jobs, &new, problem);
finish:
        registry_ends_done(&new);
        return r;
}

/* beginning and end */

static void jobs_on_adopted(const RegistryJob *job, void *userdata) {
        log_notice("The store '%s' is of a job that was forgotten: it is listed as paused, 'primectl resume %s' goes "
                   "on with it.", job->store, job->name);
}

static void jobs_on_ignored(const char *reason, void *userdata) {
        log_warning("%s", reason);
}

static void jobs_open_listed(Jobs *jobs) {
        for (size_t i = 0; i < jobs->n_listed; i++) {
                const RegistryJob *job = job_registry_job(jobs->registry, jobs->listed[i]);

                if (jobs->settings.on_opening)
                        jobs->settings.on_opening(job->name, i, jobs->n_listed, jobs->settings.userdata);
                (void) jobs_open(jobs, job->name, NULL);
        }
}

int jobs_new(const JobsSettings *settings, const StandingJob *standing, Jobs **ret, Problem *problem) {
        static const RegistryAdoption adoption = { .on_adopted = jobs_on_adopted, .on_ignored = jobs_on_ignored };
        _cleanup_(jobs_freep) Jobs *jobs = NULL;
        int r;

        jobs = calloc(1, sizeof *jobs);
        if (!jobs)
                return problem_set(problem, ENOMEM, "Out of memory.");
        jobs->settings = *settings;
        jobs->store_root = strdup(settings->store_root);
        if (!jobs->store_root)
                return problem_set(problem, ENOMEM, "Out of memory.");
        r = job_registry_open(settings->registry_path, &jobs->registry, problem);
        if (r >= 0)
                r = job_registry_prune(jobs->registry, problem);
        if (r >= 0)
                r = job_registry_adopt(jobs->registry, settings->store_root, &adoption, problem);
        if (r < 0)
                return r;
        /* Before the stores are opened, so that a job that is withdrawn is not. */
        if (!standing)
                r = jobs_withdraw(jobs, NULL, problem);
        if (r >= 0)
                r = jobs_relist(jobs);
        if (r < 0)
                return problem_set(problem, r, "Out of memory.");
        jobs_open_listed(jobs);
        if (standing) {
                r = jobs_set_standing(jobs, standing, problem);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(jobs);
        return 0;
}

Jobs *jobs_free(Jobs *jobs) {
        if (!jobs)
                return NULL;
        while (jobs->n_closed > 0)
                jobs_forget_closed(jobs, jobs->closed[0].name);
        free(jobs->closed);
        free(jobs->listed);
        job_registry_close(jobs->registry);
        free(jobs->store_root);
        free(jobs);
        return NULL;
}
