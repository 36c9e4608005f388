/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Pairs of neighbouring primes of a store, by the difference between them: large gaps, record gaps, twins. Segments and
 * blocks whose facts say that they have no such pair are passed over.
 */

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "prime/bitmap.h"
#include "store/facts.h"
#include "store/reader-span.h"
#include "store/reader.h"

typedef enum PairKind {
        PAIR_GAP,    /* a difference of at least `minimum` */
        PAIR_RECORD, /* the same, and larger than all before in the interval */
        PAIR_TWIN,   /* a difference of 2 */
} PairKind;

typedef struct ReaderPair {
        Place lower; /* place_number() makes it a number; the upper prime is `gap` above it */
        uint64_t gap;
} ReaderPair;

/* Plain contents, for these functions. */
typedef struct ReaderPairs {
        ReaderSpans spans;
        PairKind kind;
        uint64_t minimum, maximum; /* of the difference; the first is at least 1 */

        bool has_last;
        Place last; /* the prime below which all pairs are told */

        bool has_span;
        ReaderSpan span;

        bool in_block; /* the span is a block that is gone through prime by prime */
        BlockShape shape;
        uint8_t next_small;
        BitmapWalk bits;
} ReaderPairs;

/*
 * Both primes of a pair lie in [low, high), which must lie in [from, coverage] unless it is empty: 0, and the caller
 * gives `pairs` to reader_pairs_done(); -ERANGE with a sentence that says what the store covers; -ENOMEM. The reader
 * must outlive it. `minimum` is of no interest with PAIR_TWIN.
 */
int reader_pairs_init(ReaderPairs *pairs, Reader *reader, const mpz_t low, const mpz_t high, PairKind kind,
                      uint64_t minimum, Problem *problem);
void reader_pairs_done(ReaderPairs *pairs);

/* 1 and the next pair, in order; 0 at the end; errors as reader_spans_next(). */
int reader_pairs_next(ReaderPairs *pairs, ReaderPair *ret, Problem *problem);
