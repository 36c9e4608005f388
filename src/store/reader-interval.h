/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Questions about an interval of numbers: how many primes, and which. */

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "prime/grid.h"
#include "store/reader.h"

/*
 * Counts the primes in [low, high), which must lie in [from, coverage]: 0, -ERANGE with a sentence, or an error as
 * reader_read_block(). By ranks: the bitmaps of the two blocks at its ends are read, all others are not.
 */
int reader_count(Reader *reader, const mpz_t low, const mpz_t high, uint64_t *ret, Problem *problem);

/* A walk over the primes in [low, high), block by block; same bounds, same errors. */
typedef struct ReaderWalk {
        Reader *reader;
        mpz_t low, high;
        uint64_t next, end; /* blocks */

        mpz_t start;        /* of the current bitmap */
        GridBlock cell;     /* its length, and the part [low, high) of it that was asked for */
        uint8_t *bitmap;    /* without bits outside of that part */
        size_t n_bytes;
} ReaderWalk;

/* 0, and the caller gives `walk` to reader_walk_done(); -ERANGE; -ENOMEM. The reader must outlive the walk. */
int reader_walk_init(ReaderWalk *walk, Reader *reader, const mpz_t low, const mpz_t high, Problem *problem);
int reader_walk_next(ReaderWalk *walk, Problem *problem); /* 1; 0 at the end; errors of reader_read_block() */
void reader_walk_done(ReaderWalk *walk);
