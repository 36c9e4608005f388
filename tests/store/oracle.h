/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A store of made-up bitmaps, drawn at random, and all that is set in it as a plain list: what a question to a reader
 * has to agree with.
 */

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "prime/grid.h"
#include "store/reader.h"

typedef struct Oracle {
        const char *folder;
        Grid grid;
        Reader *reader;
        uint64_t segment_blocks, n_blocks; /* up to the frontier */
        int64_t length;                    /* the store covers [from, from + length) */
        int64_t *primes;                   /* ascending, from the job's first number */
        size_t n_primes;
} Oracle;

/*
 * A job anywhere among integers so large that a block has few bytes, or none; complete, cut short, or with a hole; of
 * one in three stores the oldest segments keep digests only.
 * oracle_draw_small(): one of blocks of a megabyte, from 0 or close to it.
 */
void oracle_draw(Oracle *oracle, Random *random);
void oracle_draw_small(Oracle *oracle, Random *random);
void oracle_done(Oracle *oracle);

/*
 * A number to ask for, from the job's first: any, or close to a prime or a border of a block, a segment, the job. May
 * lie a little outside of what the store covers, on both sides.
 */
int64_t oracle_pick(const Oracle *oracle, Random *random);

void oracle_number(const Oracle *oracle, int64_t offset, mpz_t ret);

/* How many primes are below. */
size_t oracle_below(const Oracle *oracle, int64_t offset);

/* Asks N_QUESTIONS of each of N_STORES that DRAW makes, all from the seed of the run. */
void oracle_try(void (*draw)(Oracle *oracle, Random *random), unsigned n_stores,
                void (*ask)(const Oracle *oracle, unsigned n_questions, Random *random), unsigned n_questions);
