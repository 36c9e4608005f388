/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job: its id is a digest of what was asked for, so that blocks find their way home after any restart. */

#include "master/master-job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "prime/number.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(MasterJob *, master_job_free);

/* The first eight bytes of SHA-256("primes" block_length n_from from to). */
static int job_id(const Grid *grid, uint64_t *ret) {
        static const char kind[] = "primes";
        size_t n_from = number_bytes(grid->from), n_to = number_bytes(grid->to), n = sizeof kind + 16 + n_from + n_to;
        _cleanup_free_ uint8_t *text = malloc(n);
        uint8_t digest[SHA256_SIZE];

        if (!text)
                return -ENOMEM;
        memcpy(text, kind, sizeof kind);
        put_le64(text + sizeof kind, grid->block_length);
        put_le64(text + sizeof kind + 8, n_from);
        number_to_bytes(grid->from, text + sizeof kind + 16);
        number_to_bytes(grid->to, text + sizeof kind + 16 + n_from);
        checksum_sha256(text, n, digest);
        *ret = get_le64(digest);
        return 0;
}

int master_job_open(const mpz_t from, const mpz_t to, const char *store_path, uint64_t segment_blocks,
                    MasterJob **ret, Problem *problem) {
        _cleanup_(master_job_freep) MasterJob *job = NULL;
        Grid grid;
        int r;

        r = grid_init(&grid, from, to, problem);
        if (r < 0)
                return r;
        job = calloc(1, sizeof *job);
        if (!job) {
                grid_done(&grid);
                return problem_set(problem, ENOMEM, "Out of memory");
        }
        job->grid = grid;
        r = job_id(&job->grid, &job->id);
        if (r < 0)
                return problem_set(problem, r, "Out of memory");
        r = store_open(&disk_system, store_path, &job->grid, segment_blocks, &job->store, problem);
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
        free(job);
        return NULL;
}

bool master_job_finished(const MasterJob *job) {
        return !master_job_is_dirty(job) && store_frontier(job->store) == job->grid.n_blocks;
}

bool master_job_is_dirty(const MasterJob *job) {
        return job->uncommitted.n_members > 0;
}
