/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job: its id is a digest of what was asked for, so that blocks find their way home after any restart. */

#include "master/master-job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "prime/number.h"
#include "store/layout.h"
#include "store/store-certainty.h"
#include "wire/message.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(MasterJob *, master_job_free);

static const char *const state_names[] = {
        [MASTER_JOB_RUNNING] = "running",
        [MASTER_JOB_PAUSED] = "paused",
        [MASTER_JOB_FINISHED] = "finished",
        [MASTER_JOB_FAILED] = "failed",
};

const char *master_job_state_name(MasterJobState state) {
        return (size_t) state < ELEMENTSOF(state_names) ? state_names[state] : NULL;
}

/* The first eight bytes of SHA-256("primes" block_length n_from from to), with "proved" behind it if that is asked. */
static int job_id(const Grid *grid, Certainty certainty, uint64_t *ret) {
        static const char kind[] = "primes", proved[] = "proved";
        size_t n_from = number_bytes(grid->from), n_to = number_bytes(grid->to), n = sizeof kind + 16 + n_from + n_to;
        _cleanup_free_ uint8_t *text = malloc(n + sizeof proved);
        uint8_t digest[SHA256_SIZE];

        if (!text)
                return -ENOMEM;
        memcpy(text, kind, sizeof kind);
        put_le64(text + sizeof kind, grid->block_length);
        put_le64(text + sizeof kind + 8, n_from);
        number_to_bytes(grid->from, text + sizeof kind + 16);
        number_to_bytes(grid->to, text + sizeof kind + 16 + n_from);
        if (certainty == CERTAINTY_PROVED) {
                memcpy(text + n, proved, sizeof proved);
                n += sizeof proved;
        }
        checksum_sha256(text, n, digest);
        *ret = get_le64(digest);
        return 0;
}

#define SEGMENTS_PER_USE 8

/* What the settings leave open, by the rules. */
static StoreOptions job_store_options(const MasterJobSettings *settings, const MasterRules *rules, const Grid *grid) {
        StoreOptions options = settings->store_options;
        uint64_t span = rules->segment_span / grid->block_length;
        uint64_t bytes = rules->segment_bytes ?: STORE_SEGMENT_SIZE_DEFAULT;

        /* What is dropped first shall be the oldest part, not all there is. */
        if (rules->room.max_use.bytes > 0)
                bytes = MIN(bytes, rules->room.max_use.bytes / SEGMENTS_PER_USE);
        options.keep = options.keep ?: rules->keep; /* 0: as the store has it so far */
        if (options.segment_blocks > 0)
                return options;
        options.segment_blocks = store_segment_blocks_for(grid, bytes, options.keep);
        if (rules->segment_span > 0)
                options.segment_blocks = CLAMP(span, UINT64_C(1), options.segment_blocks);
        return options;
}

int master_job_open(const MasterJobSettings *settings, const MasterRules *rules, const Disk *disk, MasterJob **ret,
                    Problem *problem) {
        _cleanup_(master_job_freep) MasterJob *job = NULL;
        Grid grid;
        int r;

        r = grid_init(&grid, settings->from, settings->to, problem);
        if (r < 0)
                return r;
        job = malloc(sizeof *job);
        if (!job) {
                grid_done(&grid);
                return problem_set(problem, ENOMEM, "Out of memory");
        }
        *job = (MasterJob) {
                .name = strdup(settings->name),
                .store_path = strdup(settings->store_path),
                .grid = grid,
                .disk = disk,
                .store_options = job_store_options(settings, rules, &grid),
                .priority = CLAMP(settings->priority ?: MASTER_PRIORITY_DEFAULT, 1u, (unsigned) WIRE_PRIORITY_MAX),
                .paused = settings->paused,
                .retry_usec = USEC_INFINITY,
        };
        rate_window_init(&job->rate, clock_now_usec());
        if (!job->name || !job->store_path)
                return problem_set(problem, ENOMEM, "Out of memory");
        r = certainty_check(settings->certainty, settings->to, problem);
        if (r >= 0)
                r = store_settle_certainty(job->store_path, settings->certainty, &job->certainty, problem);
        if (r < 0)
                return r;
        r = job_id(&job->grid, job->certainty, &job->id);
        if (r < 0)
                return problem_set(problem, r, "Out of memory");
        r = store_open(disk, job->store_path, &job->grid, &job->store_options, &job->store, problem);
        if (r < 0)
                return r;
        job->n_blocks_at_start = store_present(job->store)->n_members;

        *ret = TAKE_PTR(job);
        return 0;
}

MasterJob *master_job_free(MasterJob *job) {
        if (!job)
                return NULL;
        store_close(job->store);
        interval_set_done(&job->uncommitted);
        grid_done(&job->grid);
        free(job->name);
        free(job->store_path);
        free(job);
        return NULL;
}

void master_job_fail(MasterJob *job, int error, const Problem *problem, usec_t now) {
        job->error = error;
        job->problem = *problem;
        job->failed_usec = now;
        job->kept = true;
        store_totals(job->store, &job->last_totals);
        job->n_last_present = store_present(job->store)->n_members - job->uncommitted.n_members;
        interval_set_done(&job->uncommitted);
        job->store = store_close(job->store);
}

/* A store that is gone must not be begun anew: more likely its file system is not mounted. */
static int job_check_store(const MasterJob *job, Problem *problem) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s", job->store_path, LAYOUT_JOB) < 0)
                return problem_set(problem, ENOMEM, "Out of memory");
        if (access(path, F_OK) < 0)
                return problem_set(problem, errno, "The store '%s' of the job '%s' cannot be found (%m): see that its "
                                   "file system is mounted.", job->store_path, job->name);
        return 0;
}

int master_job_reopen(MasterJob *job, Problem *problem) {
        Problem own = PROBLEM_NONE;
        int r;

        r = job_check_store(job, &own);
        if (r >= 0)
                r = store_open(job->disk, job->store_path, &job->grid, &job->store_options, &job->store, &own);
        if (r < 0) {
                job->error = r;
                job->problem = own;
                return problem_set(problem, r, "%s", own.text);
        }
        job->error = 0;
        job->problem = PROBLEM_NONE;
        job->kept = false;
        job->retry_usec = USEC_INFINITY;
        return 0;
}

MasterJobState master_job_state(const MasterJob *job) {
        return job->finished ? MASTER_JOB_FINISHED
               : !job->store ? MASTER_JOB_FAILED
               : job->paused ? MASTER_JOB_PAUSED
                             : MASTER_JOB_RUNNING;
}

bool master_job_is_complete(const MasterJob *job) {
        return !master_job_is_dirty(job) && store_frontier(job->store) == job->grid.n_blocks;
}

bool master_job_is_dirty(const MasterJob *job) {
        return job->uncommitted.n_members > 0;
}
