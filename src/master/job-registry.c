/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* jobs.json: read strictly, written whole. */

#include "master/job-registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "master/master.h"
#include "prime/number.h"
#include "store/job-file.h"
#include "store/layout.h"
#include "store/store-name.h"
#include "wire/message.h"

#define REGISTRY_FORMAT 0
#define REGISTRY_MODE 0644 /* it tells nothing that the stores beside it do not */
#define LOCK_MODE 0600

struct JobRegistry {
        char *path;
        int lock_fd; /* the folder of the file, locked as long as we may write it */
        RegistryJob *jobs;
        size_t n_jobs;
};

static const char *const state_names[] = {
        [REGISTRY_ACTIVE] = "active",
        [REGISTRY_PAUSED] = "paused",
        [REGISTRY_CANCELLED] = "cancelled",
        [REGISTRY_WITHDRAWN] = "withdrawn",
};
static const char *const origin_names[] = {
        [REGISTRY_BY_COMMAND] = "command",
        [REGISTRY_BY_CONFIG] = "config",
        [REGISTRY_BY_STORE] = "store",
};

static inline void closedirp(DIR **directory) {
        if (*directory)
                (void) closedir(*directory);
}

/* entries */

static void registry_job_done(RegistryJob *job) {
        free(job->name);
        free(job->from);
        free(job->to);
        free(job->store);
        *job = (RegistryJob) {};
}

static int registry_job_copy(const RegistryJob *job, RegistryJob *ret) {
        RegistryJob copy = *job;

        copy.name = strdup(job->name);
        copy.from = strdup(job->from);
        copy.to = job->to ? strdup(job->to) : NULL;
        copy.store = strdup(job->store);
        if (!copy.name || !copy.from || !copy.store || (job->to && !copy.to)) {
                registry_job_done(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

bool registry_job_is_listed(const RegistryJob *job) {
        return job->state == REGISTRY_ACTIVE || job->state == REGISTRY_PAUSED;
}

size_t job_registry_n_jobs(const JobRegistry *registry) {
        return registry->n_jobs;
}

const RegistryJob *job_registry_job(const JobRegistry *registry, size_t index) {
        return registry->jobs + index;
}

static RegistryJob *registry_find(const JobRegistry *registry, const char *name) {
        for (size_t i = 0; i < registry->n_jobs; i++)
                if (strcmp(registry->jobs[i].name, name) == 0)
                        return registry->jobs + i;
        return NULL;
}

const RegistryJob *job_registry_find(const JobRegistry *registry, const char *name) {
        return registry_find(registry, name);
}

/* Takes the entry over. */
static int registry_append(JobRegistry *registry, RegistryJob *job) {
        RegistryJob *grown = reallocarray(registry->jobs, registry->n_jobs + 1, sizeof *grown);

        if (!grown)
                return -ENOMEM;
        registry->jobs = grown;
        grown[registry->n_jobs++] = *job;
        *job = (RegistryJob) {};
        return 0;
}

/* reading */

/* The index of the word, or -1. */
static int find_word(const char *const words[], size_t n_words, const char *word) {
        for (size_t i = 0; word && i < n_words; i++)
                if (strcmp(words[i], word) == 0)
                        return (int) i;
        return -1;
}

/* The ends must be what the name says: a changed digit must not begin another job in the same store. */
static bool interval_has_name(const char *from, const char *to, const char *name) {
        _cleanup_free_ char *wanted = NULL;
        _cleanup_mpz_ mpz_t a, b;

        mpz_inits(a, b, NULL);
        if (number_parse(a, from, NULL) < 0 || (to && number_parse(b, to, NULL) < 0))
                return false;
        wanted = store_name(a, to ? b : NULL);
        return wanted && strcmp(wanted, name) == 0;
}

/* NULL, or what is wrong with the entry. Its texts live in `json`. */
static const char *entry_decode(json_t *json, RegistryJob *ret) {
        json_t *to = json_object_get(json, "to"), *created = json_object_get(json, "created_usec");
        json_t *certainty = json_object_get(json, "certainty");
        json_int_t priority = json_integer_value(json_object_get(json, "priority"));
        int state = find_word(state_names, ELEMENTSOF(state_names), json_string_value(json_object_get(json, "state")));
        int origin = find_word(origin_names, ELEMENTSOF(origin_names),
                               json_string_value(json_object_get(json, "origin")));

        *ret = (RegistryJob) {
                .name = (char *) json_string_value(json_object_get(json, "name")),
                .from = (char *) json_string_value(json_object_get(json, "from")),
                .to = (char *) json_string_value(to),
                .store = (char *) json_string_value(json_object_get(json, "store")),
                .priority = (unsigned) priority,
                .created_usec = (uint64_t) json_integer_value(created),
        };
        if (!ret->name || !ret->from || (to && !ret->to))
                return "a job lacks its name or an end of its interval";
        if (!interval_has_name(ret->from, ret->to, ret->name))
                return "the name of a job is not that of its interval";
        if (!ret->store || ret->store[0] != '/')
                return "a job lacks the path of its store";
        if (priority < 1 || priority > WIRE_PRIORITY_MAX)
                return "a job's priority is out of range";
        if (certainty && (!json_is_string(certainty) ||
                          certainty_parse(json_string_value(certainty), &ret->certainty) < 0))
                return "a job's certainty is unknown";
        if (state < 0 || origin < 0 || json_integer_value(created) < 0)
                return "a job's state, origin or time is unknown";
        ret->state = (RegistryState) state;
        ret->origin = (RegistryOrigin) origin;
        return NULL;
}

static int damaged(const JobRegistry *registry, const char *what, Problem *problem) {
        return problem_set(problem, EBADMSG, "The list of jobs '%s' is damaged (%s): put a copy of it back, or move it "
                           "away: the jobs are then found again by their stores, paused, and no prime is lost.",
                           registry->path, what);
}

static int registry_decode(JobRegistry *registry, const char *text, size_t size, Problem *problem) {
        _cleanup_(json_decrefp) json_t *root = NULL;
        json_t *format, *jobs, *json;
        json_error_t error;
        size_t i;

        root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
        if (!root) {
                char where[sizeof error.text + 32];

                (void) snprintf(where, sizeof where, "line %d: %s", error.line, error.text);
                return damaged(registry, where, problem);
        }
        format = json_object_get(root, "format");
        jobs = json_object_get(root, "jobs");
        if (!json_is_integer(format) || !json_is_array(jobs))
                return damaged(registry, "it is no list of jobs", problem);
        if (json_integer_value(format) != REGISTRY_FORMAT)
                return problem_set(problem, EPROTONOSUPPORT, "The list of jobs '%s' was written by a later version of "
                                   "primed-master: install that one again.", registry->path);
        if (json_array_size(jobs) > REGISTRY_JOBS_MAX)
                return damaged(registry, "it has too many jobs", problem);
        json_array_foreach(jobs, i, json) {
                RegistryJob job, copy;
                const char *wrong = entry_decode(json, &job);

                if (wrong)
                        return damaged(registry, wrong, problem);
                if (registry_find(registry, job.name))
                        return damaged(registry, "it has a job twice", problem);
                if (registry_job_copy(&job, &copy) < 0 || registry_append(registry, &copy) < 0)
                        return problem_set(problem, ENOMEM, "Out of memory.");
        }
        return 0;
}

/* A file that nobody else can open: whoever can read a file, or the folder, can lock it and keep the master out. */
static int registry_lock(JobRegistry *registry, Problem *problem) {
        _cleanup_free_ char *folder = file_parent(registry->path), *lock = NULL;

        if (!folder || asprintf(&lock, "%s.lock", registry->path) < 0)
                return problem_set(problem, ENOMEM, "Out of memory.");
        registry->lock_fd = file_open_regular(AT_FDCWD, lock, O_RDWR | O_CREAT | O_NOFOLLOW, LOCK_MODE, NULL);
        if (registry->lock_fd < 0)
                return problem_set(problem, registry->lock_fd, "The lock '%s' cannot be opened: %m.", lock);
        if (fchmod(registry->lock_fd, LOCK_MODE) < 0)
                return problem_set(problem, errno, "The lock '%s' cannot be kept from others: %m.", lock);
        if (flock(registry->lock_fd, LOCK_EX | LOCK_NB) >= 0)
                return 0;
        if (errno == EWOULDBLOCK)
                return problem_set(problem, EBUSY, "Another primed-master is at work in '%s': stop it first.", folder);
        return problem_set(problem, errno, "The folder '%s' cannot be locked: %m.", folder);
}

int job_registry_open(const char *path, JobRegistry **ret, Problem *problem) {
        _cleanup_(job_registry_closep) JobRegistry *registry = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        int r;

        registry = malloc(sizeof *registry);
        if (!registry)
                return problem_set(problem, ENOMEM, "Out of memory.");
        *registry = (JobRegistry) { .path = strdup(path), .lock_fd = -1 };
        if (!registry->path)
                return problem_set(problem, ENOMEM, "Out of memory.");
        r = registry_lock(registry, problem);
        if (r < 0)
                return r;
        r = file_read_whole(AT_FDCWD, path, REGISTRY_SIZE_MAX, &text, &size);
        if (r == -EFBIG || r == -ENOTSUP)
                return damaged(registry, "it is no file of jobs at all", problem);
        if (r < 0 && r != -ENOENT)
                return problem_set(problem, r, "The list of jobs '%s' cannot be read: %m.", path);
        if (r >= 0) {
                r = registry_decode(registry, text, size, problem);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(registry);
        return 0;
}

JobRegistry *job_registry_close(JobRegistry *registry) {
        if (!registry)
                return NULL;
        for (size_t i = 0; i < registry->n_jobs; i++)
                registry_job_done(registry->jobs + i);
        free(registry->jobs);
        (void) fd_close(registry->lock_fd);
        free(registry->path);
        free(registry);
        return NULL;
}

/* writing */

static json_t *entry_encode(const RegistryJob *job) {
        const char *certainty = job->certainty ? certainty_name(job->certainty) : NULL;

        return json_pack("{s:s, s:s, s:s*, s:i, s:s*, s:s, s:s, s:I, s:s}", "name", job->name, "from", job->from,
                         "to", job->to, "priority", (int) job->priority, "certainty", certainty, "state",
                         state_names[job->state], "origin", origin_names[job->origin], "created_usec",
                         (json_int_t) job->created_usec, "store", job->store);
}

static char *registry_encode(const JobRegistry *registry) {
        _cleanup_(json_decrefp) json_t *root = NULL;
        json_t *jobs = json_array();

        root = json_pack("{s:i, s:o}", "format", REGISTRY_FORMAT, "jobs", jobs);
        if (!root)
                return NULL;
        for (size_t i = 0; i < registry->n_jobs; i++)
                if (json_array_append_new(jobs, entry_encode(registry->jobs + i)) < 0)
                        return NULL;
        return json_dumps(root, JSON_INDENT(2));
}

static int registry_save(const JobRegistry *registry, Problem *problem) {
        _cleanup_free_ char *text = registry_encode(registry);
        size_t size;
        int r;

        if (!text)
                return problem_set(problem, ENOMEM, "The list of jobs '%s' cannot be written: a path in it is not "
                                   "UTF-8, or memory is short.", registry->path);
        size = strlen(text);
        if (size >= REGISTRY_SIZE_MAX)
                return problem_set(problem, E2BIG, "The list of jobs '%s' has no room for another one: cancel one, and "
                                   "move its store away.", registry->path);
        text[size] = '\n'; /* in place of the NUL */
        r = file_replace(registry->path, text, size + 1, REGISTRY_MODE);
        return r < 0 ? problem_set(problem, r, "The list of jobs '%s' cannot be written: %m.", registry->path) : 0;
}

/* The name stays the same string: callers hold it. */
static int registry_replace(JobRegistry *registry, RegistryJob *there, RegistryJob *copy, Problem *problem) {
        RegistryJob old = *there;
        int r;

        free(copy->name);
        copy->name = there->name;
        *there = *copy;
        r = registry_save(registry, problem);
        if (r < 0)
                *there = old;
        else
                *copy = old;
        copy->name = NULL;
        registry_job_done(copy);
        return r;
}

int job_registry_put(JobRegistry *registry, const RegistryJob *job, Problem *problem) {
        RegistryJob copy, *there = registry_find(registry, job->name);
        int r;

        if (!there && registry->n_jobs >= REGISTRY_JOBS_MAX)
                return problem_set(problem, E2BIG, "The list of jobs '%s' has no room for another one: move the stores "
                                   "of cancelled jobs away and restart primed-master.", registry->path);
        r = registry_job_copy(job, &copy);
        if (r < 0)
                return problem_set(problem, r, "Out of memory.");
        if (there)
                return registry_replace(registry, there, &copy, problem);
        r = registry_append(registry, &copy);
        if (r < 0) {
                registry_job_done(&copy);
                return problem_set(problem, r, "Out of memory.");
        }
        r = registry_save(registry, problem);
        if (r < 0)
                registry_job_done(registry->jobs + --registry->n_jobs);
        return r;
}

int job_registry_set_state(JobRegistry *registry, const char *name, RegistryState state, Problem *problem) {
        RegistryJob *job = registry_find(registry, name);
        RegistryState old;
        int r;

        if (!job)
                return problem_set(problem, ENOENT, "There is no job '%s'.", name);
        if (job->state == state)
                return 0;
        old = job->state;
        job->state = state;
        r = registry_save(registry, problem);
        if (r < 0)
                job->state = old;
        return r;
}

/* stores that are there */

static bool store_exists(const char *path) {
        _cleanup_free_ char *job = NULL;

        /* When in doubt it does: what cannot be looked at today may be a disk that is not mounted. */
        return asprintf(&job, "%s/" LAYOUT_JOB, path) < 0 || access(job, F_OK) >= 0 || errno != ENOENT;
}

int job_registry_prune(JobRegistry *registry, Problem *problem) {
        size_t n = 0;
        bool any = false;

        for (size_t i = 0; i < registry->n_jobs; i++) {
                RegistryJob *job = registry->jobs + i;

                if (registry_job_is_listed(job) || store_exists(job->store))
                        registry->jobs[n++] = *job;
                else {
                        registry_job_done(job);
                        any = true;
                }
        }
        registry->n_jobs = n;
        return any ? registry_save(registry, problem) : 0;
}

/* The folder NAME of the directory: 1 and an entry, 0 (no store, or told why not), or negative errno. */
static int store_to_entry(int root_fd, const char *root, const char *name, const RegistryAdoption *adoption,
                          RegistryJob *ret) {
        _cleanup_free_ char *path = NULL, *wanted = NULL;
        _cleanup_close_ int fd = -1;
        uint8_t digest[SHA256_SIZE];
        uint64_t segment_blocks;
        Problem problem = PROBLEM_NONE, why = PROBLEM_NONE;
        RegistryJob job = {};
        Grid grid;

        fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || faccessat(fd, LAYOUT_JOB, F_OK, 0) < 0)
                return 0;
        if (asprintf(&path, "%s/%s", root, name) < 0)
                return -ENOMEM;
        if (job_file_read(fd, path, &grid, &segment_blocks, digest, &why) < 0) {
                (void) problem_set(&problem, EBADMSG, "The store '%s' is not listed: %s", path, why.text);
                adoption->on_ignored(problem.text, adoption->userdata);
                return 0;
        }
        wanted = store_name(grid.from, grid.open ? NULL : grid.to);
        if (wanted && strcmp(wanted, name) != 0) {
                (void) problem_set(&problem, EEXIST, "The store '%s' holds the job %s: rename the folder to that, and "
                                   "restart primed-master, to have the job listed.", path, wanted);
                adoption->on_ignored(problem.text, adoption->userdata);
                grid_done(&grid);
                return 0;
        }
        job = (RegistryJob) {
                .name = TAKE_PTR(wanted),
                .from = number_format(grid.from),
                .to = grid.open ? NULL : number_format(grid.to),
                .store = TAKE_PTR(path),
                .priority = MASTER_PRIORITY_DEFAULT,
                .state = REGISTRY_PAUSED,
                .origin = REGISTRY_BY_STORE,
                .created_usec = clock_realtime_usec(),
        };
        if (!job.name || !job.from || (!grid.open && !job.to)) {
                registry_job_done(&job);
                grid_done(&grid);
                return -ENOMEM;
        }
        grid_done(&grid);
        *ret = job;
        return 1;
}

int job_registry_adopt(JobRegistry *registry, const char *root, const RegistryAdoption *adoption, Problem *problem) {
        _cleanup_(closedirp) DIR *directory = opendir(root);
        size_t n_before = registry->n_jobs;
        int r = 0;

        if (!directory)
                return errno == ENOENT ? 0 :
                                         problem_set(problem, errno, "The folder of stores '%s' cannot be read: %m.",
                                                     root);
        for (struct dirent *entry; r >= 0 && (entry = readdir(directory));) {
                RegistryJob job = {};

                if (entry->d_name[0] == '.' || registry_find(registry, entry->d_name))
                        continue;
                r = store_to_entry(dirfd(directory), root, entry->d_name, adoption, &job);
                if (r <= 0)
                        continue;
                if (registry->n_jobs >= REGISTRY_JOBS_MAX) {
                        r = -E2BIG;
                        registry_job_done(&job);
                } else {
                        r = registry_append(registry, &job);
                        registry_job_done(&job); /* empty when it was taken over */
                }
        }
        if (r < 0)
                return problem_set(problem, r, "The stores in '%s' cannot be listed: %m.", root);
        if (registry->n_jobs == n_before)
                return 0;
        r = registry_save(registry, problem);
        for (size_t i = n_before; r >= 0 && i < registry->n_jobs; i++)
                adoption->on_adopted(registry->jobs + i, adoption->userdata);
        return r;
}
