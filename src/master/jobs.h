/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The jobs of a master that is a service: what the registry lists is in the master, or it is told why not. Every change
 * is durable before its function returns.
 */

#include <gmp.h>

#include "master/job-registry.h"
#include "master/master.h"

typedef struct Jobs Jobs;

typedef struct JobsSettings {
        Master *master;            /* outlives the jobs */
        const char *registry_path; /* copied */
        const char *store_root;    /* the folder in which new stores are made; copied */
        /* The next store is about to be opened, which may take long when it has to be recovered. May be NULL. */
        void (*on_opening)(const char *name, size_t index, size_t n, void *userdata);
        void *userdata;
} JobsSettings;

/* The standing job of master.conf. */
typedef struct StandingJob {
        mpz_srcptr from;
        mpz_srcptr to; /* NULL: open */
        unsigned priority;
        Certainty certainty; /* 0: not asked for */
} StandingJob;

/*
 * Reads the registry, adopts forgotten stores, and gives all listed jobs to the master. `standing` is NULL if there is
 * none. A job whose store cannot be opened stays in the list with the reason. Errors of job_registry_open(), and what
 * is wrong with the standing job.
 */
int jobs_new(const JobsSettings *settings, const StandingJob *standing, Jobs **ret, Problem *problem);
Jobs *jobs_free(Jobs *jobs);

/*
 * `to` NULL: open; `priority` 0: the default; `certainty` 0: that of its store. A cancelled or finished interval goes
 * on with its store. -EEXIST: it is listed and not finished; -EINVAL, -ERANGE: no such interval, or not so surely;
 * other errors: it could not be made durable.
 */
int jobs_add(Jobs *jobs, const mpz_t from, mpz_srcptr to, unsigned priority, Certainty certainty, const char **ret_name,
             Problem *problem);

/* -ENOENT: no such job; -EALREADY: it is finished. Going on opens a store that could not be opened before. */
int jobs_pause(Jobs *jobs, const char *name, bool paused, Problem *problem);

/* -ENOENT. The store stays: `ret_store`, if not NULL, is its path, valid until the next change. */
int jobs_cancel(Jobs *jobs, const char *name, const char **ret_store, Problem *problem);

/*
 * What master.conf says now. A standing job that it does not name any more is withdrawn; one that somebody paused stays
 * paused, one that somebody cancelled stays cancelled, until a command or another interval brings it back.
 */
int jobs_set_standing(Jobs *jobs, const StandingJob *standing, Problem *problem);

/* The list, in the order in which the jobs came. */
typedef struct JobsEntry {
        const RegistryJob *job;   /* valid until the next change */
        bool open;                /* the master has it, and `status` tells of it */
        MasterJobStatus status;
        const char *problem;      /* why it is not open, or that of the status; "" */
} JobsEntry;

size_t jobs_n(const Jobs *jobs);
void jobs_entry(const Jobs *jobs, size_t index, JobsEntry *ret);

DEFINE_TRIVIAL_CLEANUP_FUNC(Jobs *, jobs_free);
