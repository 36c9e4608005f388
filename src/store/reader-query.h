/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Questions about single numbers of a store: is it prime, which is the next, the previous, the nth, and how many are
 * below. Each reads the manifest (which reader_open() did), a footer or two, and the bitmap of one block at most; the
 * bitmap is kept, so that the next question about the same block is cheap. `P is prime` means: the store says so.
 *
 * The functions return -ERANGE, with a sentence that says what the store covers, when they are asked for what it does
 * not; errors of reader_read_block() and reader_rank(); always with a sentence. `ret` is initialised by the caller and
 * may be `number` itself.
 */

#include <gmp.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"
#include "store/reader.h"

typedef struct ReaderQuery ReaderQuery;

/* The reader must outlive it. NULL when out of memory. */
ReaderQuery *reader_query_new(Reader *reader);
ReaderQuery *reader_query_free(ReaderQuery *query);
DEFINE_TRIVIAL_CLEANUP_FUNC(ReaderQuery *, reader_query_free);

/* Whether `number`, in [from, coverage), is prime: 1 or 0. */
int reader_query_contains(ReaderQuery *query, const mpz_t number, Problem *problem);

/*
 * The smallest prime at or above `number`, in [from, coverage]: 1; 0: the store has none from there on. The largest one
 * below: 1; 0: the store has none before.
 */
int reader_query_next(ReaderQuery *query, const mpz_t number, mpz_t ret, Problem *problem);
int reader_query_previous(ReaderQuery *query, const mpz_t number, mpz_t ret, Problem *problem);

/* How many primes of the store are below `number`, in [from, coverage]: 0. */
int reader_query_rank(ReaderQuery *query, const mpz_t number, uint64_t *ret, Problem *problem);

/* The prime of the store that has `rank` others below it: 0; -ERANGE: it has not so many. */
int reader_query_nth(ReaderQuery *query, uint64_t rank, mpz_t ret, Problem *problem);

/* Whether [low, high), low <= high, lies in [from, coverage]: 0 or -ERANGE with the sentence. */
int reader_check_covers(Reader *reader, const mpz_t low, const mpz_t high, Problem *problem);
