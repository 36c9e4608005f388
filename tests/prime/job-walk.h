/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The bitmaps of a job, block after block, as a worker computes them: the blocks of the job's grid, one run, cut at the
 * job's ends.
 *
 *         job_walk_init(&walk, from, to);
 *         while (job_walk_next(&walk))
 *                 … walk.start, walk.block, walk.bitmap, walk.n_bytes …
 *         job_walk_done(&walk);
 */

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "prime/bitmap.h"
#include "prime/grid.h"
#include "prime/sieve/run.h"
#include "test.h"

typedef struct JobWalk {
        Grid grid;
        SieveRun *run;
        uint64_t n_done;

        mpz_t start;
        GridBlock block;
        uint8_t *bitmap;
        size_t n_bytes;
} JobWalk;

static inline void job_walk_init(JobWalk *walk, const mpz_t from, const mpz_t to) {
        *walk = (JobWalk) { .bitmap = malloc(GRID_BLOCK_BYTES_MAX) };
        CHECK(walk->bitmap != NULL);
        mpz_init(walk->start);
        CHECK_EQUAL(grid_init(&walk->grid, from, to, NULL), 0);
        grid_block(&walk->grid, 0, walk->start, &walk->block);
        CHECK_EQUAL(sieve_run_new(walk->start, to, &(SieveEnvironment) {}, &walk->run), 0);
}

/* False: the job is over. */
static inline bool job_walk_next(JobWalk *walk) {
        Certainty certainty;

        if (walk->n_done == walk->grid.n_blocks)
                return false;
        grid_block(&walk->grid, walk->n_done++, walk->start, &walk->block);
        walk->n_bytes = (size_t) (walk->block.length / 30);
        CHECK_EQUAL(sieve_run_next(walk->run, walk->block.length, walk->bitmap, &certainty), 0);
        bitmap_clip(walk->bitmap, walk->n_bytes, walk->block.low, walk->block.high);
        return true;
}

static inline void job_walk_done(JobWalk *walk) {
        sieve_run_free(walk->run);
        grid_done(&walk->grid);
        mpz_clear(walk->start);
        free(walk->bitmap);
}
