/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Spans of an interval. The facts of a block at an end of the interval are not those of its header, which is about the
 * whole block; its bitmap is read, unless the header says that all of its primes lie inside.
 */

#include "store/reader-span.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "prime/bitmap.h"
#include "prime/number.h"
#include "store/reader-query.h"

/* The block of a number and its offset from the start of the bitmap. */
static bool find_place(const Grid *grid, const mpz_t number, uint64_t *ret_sequence, uint64_t *ret_offset) {
        BlockShape shape;

        if (!grid_find(grid, number, ret_sequence))
                return false;
        block_shape(grid, *ret_sequence, &shape);
        *ret_offset = mpz_fdiv_ui(number, (unsigned long) grid->block_length) - shape.cell_offset;
        return true;
}

/* The part of a block that lies in the interval. True when that is all of the block. */
static bool block_part(const ReaderSpans *spans, uint64_t sequence, BlockShape *ret_shape, ReaderSpan *ret) {
        block_shape(reader_grid(spans->reader), sequence, ret_shape);
        *ret = (ReaderSpan) {
                .first_block = sequence,
                .n_blocks = 1,
                .low = sequence == spans->first_block ? spans->low : ret_shape->low,
                .high = sequence == spans->last_block ? spans->high : ret_shape->high,
        };
        return ret->low <= ret_shape->low && ret->high >= ret_shape->high;
}

int reader_spans_init(ReaderSpans *spans, Reader *reader, const mpz_t low, const mpz_t high, Problem *problem) {
        const Grid *grid = reader_grid(reader);
        ReaderSpans result = { .reader = reader };
        _cleanup_mpz_ mpz_t last;
        BlockShape shape;
        ReaderSpan span;
        int r;

        mpz_init(last);
        if (mpz_cmp(low, high) < 0) {
                r = reader_check_covers(reader, low, high, problem);
                if (r < 0)
                        return r;
                mpz_sub_ui(last, high, 1);
                if (!find_place(grid, low, &result.first_block, &result.low) ||
                    !find_place(grid, last, &result.last_block, &result.high))
                        return problem_set(problem, ERANGE, "The interval lies outside of the job.");
                result.high++;
                result.next = result.first_block;
                result.end = result.last_block + 1;
                result.whole_first = result.first_block + !block_part(&result, result.first_block, &shape, &span);
                result.whole_end = result.last_block + block_part(&result, result.last_block, &shape, &span);
        }
        result.bitmap = malloc((size_t) (grid->block_length / 30));
        if (!result.bitmap)
                return problem_set(problem, ENOMEM, "Out of memory.");
        *spans = result;
        return 0;
}

void reader_spans_done(ReaderSpans *spans) {
        free(spans->bitmap);
        *spans = (ReaderSpans) {};
}

int reader_spans_bitmap(ReaderSpans *spans, const ReaderSpan *span, const uint8_t **ret, Problem *problem) {
        BlockShape shape;
        int r;

        if (!spans->has_bitmap) {
                r = reader_read_block(spans->reader, span->first_block, spans->bitmap, problem);
                if (r < 0)
                        return r;
                block_shape(reader_grid(spans->reader), span->first_block, &shape);
                bitmap_clip(spans->bitmap, shape.n_bytes, span->low, span->high);
                spans->has_bitmap = true;
        }
        *ret = spans->bitmap;
        return 0;
}

/* Of a block that the interval cuts. */
static int part_facts(ReaderSpans *spans, const BlockShape *shape, ReaderSpan *span, Problem *problem) {
        uint64_t low = span->low + shape->cell_offset, high = span->high + shape->cell_offset;
        const uint8_t *bitmap;
        int r;

        if (span->facts.count == 0 || (span->facts.first.offset >= low && span->facts.last.offset < high))
                return 0;
        if (span->facts.last.offset < low || span->facts.first.offset >= high) {
                span->facts = (Facts) {};
                return 0;
        }
        r = reader_spans_bitmap(spans, span, &bitmap, problem);
        if (r < 0)
                return r;
        if (!facts_of_part(reader_grid(spans->reader), span->first_block, span->low, span->high, bitmap, &span->facts))
                return problem_set(problem, EBADMSG, "Block %" PRIu64 " has primes outside of the job: "
                                   "'primectl verify' says what is wrong with the store.", span->first_block);
        return 0;
}

/* 1: a segment begins here, and all of it lies in the interval. */
static int spans_take_segment(ReaderSpans *spans, ReaderSpan *ret, Problem *problem) {
        uint64_t first, n;
        BlockShape shape;
        ReaderSpan span;
        Facts facts;
        int r;

        if (spans->next < spans->split_end || spans->next < spans->whole_first || spans->next >= spans->whole_end)
                return 0;
        r = reader_segment_facts(spans->reader, reader_find_segment(spans->reader, spans->next), &first, &n, &facts,
                                 problem);
        if (r < 0)
                return r;
        if (first != spans->next || n > spans->whole_end - first)
                return 0;
        (void) block_part(spans, first, &shape, &span); /* it may have one block only */
        span.n_blocks = n;
        span.facts = facts;
        *ret = span;
        return 1;
}

int reader_spans_next(ReaderSpans *spans, ReaderSpan *ret, Problem *problem) {
        BlockShape shape;
        ReaderSpan span;
        bool whole;
        int r;

        if (spans->next >= spans->end)
                return 0;
        spans->has_bitmap = false;
        r = spans_take_segment(spans, &span, problem);
        if (r == 0) {
                whole = block_part(spans, spans->next, &shape, &span);
                r = reader_block_facts(spans->reader, spans->next, &span.facts, problem);
                if (r >= 0 && !whole)
                        r = part_facts(spans, &shape, &span, problem);
        }
        if (r < 0)
                return r;
        spans->next += span.n_blocks;
        *ret = span;
        return 1;
}

void reader_spans_split(ReaderSpans *spans, const ReaderSpan *span) {
        spans->next = span->first_block;
        spans->split_end = span->first_block + span->n_blocks;
}

int reader_interval_facts(Reader *reader, const mpz_t low, const mpz_t high, Facts *ret, Problem *problem) {
        ReaderSpans spans;
        Facts facts = {};
        ReaderSpan span;
        int r;

        r = reader_spans_init(&spans, reader, low, high, problem);
        if (r < 0)
                return r;
        while ((r = reader_spans_next(&spans, &span, problem)) > 0)
                facts_join(&facts, &span.facts, reader_grid(reader)->block_length);
        reader_spans_done(&spans);
        if (r < 0)
                return r;
        *ret = facts;
        return 0;
}
