/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which jobs the master has: the file jobs.json, replaced as a whole with every change, so that a master that was
 * killed at any time finds them again.
 *
 *     {
 *       "format": 0,
 *       "jobs": [
 *         { "name": "0-1000000000", "from": "0", "to": "1000000000", "priority": 100, "state": "active",
 *           "origin": "command", "created_usec": 1700000000000000, "store": "/var/lib/primed/0-1000000000" }
 *       ]
 *     }
 *
 * An open job has no "to". Jobs that are not listed any more, cancelled ones for example, stay in the file as long as
 * their stores exist: otherwise job_registry_adopt() would take those for jobs that were forgotten.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"
#include "prime/certainty.h"

#define REGISTRY_JOBS_MAX 4096
#define REGISTRY_SIZE_MAX ((size_t) 256 << 20) /* 400 jobs of the largest numbers there are */

/* The names stand in the file. */
typedef enum RegistryState {
        REGISTRY_ACTIVE,
        REGISTRY_PAUSED,
        REGISTRY_CANCELLED, /* by command: not listed, and stays so whatever master.conf says */
        REGISTRY_WITHDRAWN, /* the standing job that master.conf does not name any more: not listed until it does */
        _REGISTRY_STATE_MAX,
} RegistryState;

typedef enum RegistryOrigin {
        REGISTRY_BY_COMMAND,
        REGISTRY_BY_CONFIG, /* the standing job */
        REGISTRY_BY_STORE,  /* adopted */
        _REGISTRY_ORIGIN_MAX,
} RegistryOrigin;

typedef struct RegistryJob {
        char *name;  /* store_name() of its interval */
        char *from;  /* decimal */
        char *to;    /* decimal; NULL: open */
        char *store; /* absolute path */
        unsigned priority; /* 1 … 1000 */
        Certainty certainty; /* 0: not asked for */
        RegistryState state;
        RegistryOrigin origin;
        uint64_t created_usec; /* realtime */
} RegistryJob;

typedef struct JobRegistry JobRegistry;

/*
 * Locks the folder of the file and reads the file; one that is not there is an empty one. -EBUSY: another process has
 * it; -EBADMSG: it is damaged; -EPROTONOSUPPORT: a later version wrote it; errors of the file system. All with a
 * sentence that names the file and the cure. Nothing is written.
 */
int job_registry_open(const char *path, JobRegistry **ret, Problem *problem);
JobRegistry *job_registry_close(JobRegistry *registry);

size_t job_registry_n_jobs(const JobRegistry *registry); /* in the order in which they came */
/* Both live until the next change; the string `name` lives as long as the job is in the registry. */
const RegistryJob *job_registry_job(const JobRegistry *registry, size_t index);
const RegistryJob *job_registry_find(const JobRegistry *registry, const char *name); /* NULL: there is none */

bool registry_job_is_listed(const RegistryJob *job); /* active or paused */

/*
 * Adds a copy of the job, or replaces the one of the same name, and makes it durable. -E2BIG: too many. After a failure
 * the registry is what it was.
 */
int job_registry_put(JobRegistry *registry, const RegistryJob *job, Problem *problem);

/* -ENOENT: no such job. Otherwise as above. */
int job_registry_set_state(JobRegistry *registry, const char *name, RegistryState state, Problem *problem);

/*
 * Adds what lies below the folder `root` and is called after its interval, but is no job here, as a paused job:
 * the file was lost, or the package was purged and installed again. `on_adopted` is called for each; `on_ignored`
 * with a sentence for each store that cannot be taken. A folder that is not there has no stores.
 */
typedef struct RegistryAdoption {
        void (*on_adopted)(const RegistryJob *job, void *userdata);
        void (*on_ignored)(const char *reason, void *userdata);
        void *userdata;
} RegistryAdoption;
int job_registry_adopt(JobRegistry *registry, const char *root, const RegistryAdoption *adoption, Problem *problem);

/* Forgets jobs that are not listed and whose stores are gone. */
int job_registry_prune(JobRegistry *registry, Problem *problem);

DEFINE_TRIVIAL_CLEANUP_FUNC(JobRegistry *, job_registry_close);
