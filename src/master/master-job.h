/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A job with everything the master holds for it: its grid and its store. */

#include <stdint.h>

#include "base/problem.h"
#include "prime/grid.h"
#include "store/store.h"

typedef struct MasterJob {
        uint64_t id; /* from the definition alone: a restarted master, or another one, gives the same job the same id */
        Grid grid;
        Store *store;
        IntervalSet uncommitted;  /* blocks that were put since the last commit */
        uint64_t n_disagreements; /* late results that differ from what is stored */
        uint64_t n_blocks_at_start;
} MasterJob;

/* `to` is NULL for an open job. Opens or makes the store. 0 or negative errno with a sentence. */
int master_job_open(const mpz_t from, const mpz_t to, const char *store_path, uint64_t segment_blocks,
                    MasterJob **ret, Problem *problem);
MasterJob *master_job_free(MasterJob *job);

/* All blocks are in order and durable. */
bool master_job_finished(const MasterJob *job);

bool master_job_is_dirty(const MasterJob *job); /* a commit is due */
