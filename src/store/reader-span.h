/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An interval of numbers as spans of blocks with their facts: whole segments where it covers them, whole blocks, and
 * the parts of blocks at its ends. A question that can be answered by facts looks at few bitmaps: those at the ends,
 * and those of spans that it splits.
 */

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "store/facts.h"
#include "store/reader.h"

typedef struct ReaderSpan {
        uint64_t first_block, n_blocks;
        Facts facts;        /* of the part within the interval */
        uint64_t low, high; /* of one block: that part, from the start of its bitmap */
} ReaderSpan;

/* A walk over the spans of [low, high), in order. Plain contents, for these functions. */
typedef struct ReaderSpans {
        Reader *reader;
        uint64_t next, end;              /* blocks */
        uint64_t first_block, last_block;
        uint64_t low, high;              /* the ends of the interval in these two, from the start of the bitmap */
        uint64_t whole_first, whole_end; /* the blocks that are not cut */
        uint64_t split_end;              /* before it no segment is taken as a whole */
        bool has_bitmap;                 /* of the block that was told last, cut to the interval */
        uint8_t *bitmap;
} ReaderSpans;

/*
 * Of [low, high), which must lie in [from, coverage] unless it is empty: 0, and the caller gives `spans` to
 * reader_spans_done(); -ERANGE with a sentence that says what the store covers; -ENOMEM. The reader must outlive it.
 */
int reader_spans_init(ReaderSpans *spans, Reader *reader, const mpz_t low, const mpz_t high, Problem *problem);
void reader_spans_done(ReaderSpans *spans);

/* 1 and the next span; 0 at the end; errors as reader_parts() and reader_read_block(). */
int reader_spans_next(ReaderSpans *spans, ReaderSpan *ret, Problem *problem);

/* `span` was told last, and has more than one block: goes back, and tells its blocks one by one. */
void reader_spans_split(ReaderSpans *spans, const ReaderSpan *span);

/*
 * `span` was told last, and is one block: its bitmap, without bits outside of the interval, good until the next call.
 * 0, or errors of reader_read_block().
 */
int reader_spans_bitmap(ReaderSpans *spans, const ReaderSpan *span, const uint8_t **ret, Problem *problem);

/* The joined facts of [low, high): 0; -ERANGE; errors as above. */
int reader_interval_facts(Reader *reader, const mpz_t low, const mpz_t high, Facts *ret, Problem *problem);
