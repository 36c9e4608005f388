/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Pairs of neighbours. What is known of a span is its first and last prime and what is between. So the pair across the
 * border to the last prime before is told first, without looking into the span, and then the span is passed over, split
 * into blocks, or gone through bit by bit. A span without primes, of which there are many among large numbers, leaves
 * the last prime as it is.
 */

#include "store/reader-pairs.h"

#include <errno.h>

#include "base/macro.h"

int reader_pairs_init(ReaderPairs *pairs, Reader *reader, const mpz_t low, const mpz_t high, PairKind kind,
                      uint64_t minimum, Problem *problem) {
        ReaderPairs result = { .kind = kind, .minimum = minimum };
        int r;

        r = reader_spans_init(&result.spans, reader, low, high, problem);
        if (r < 0)
                return r;
        *pairs = result;
        return 0;
}

void reader_pairs_done(ReaderPairs *pairs) {
        reader_spans_done(&pairs->spans);
        *pairs = (ReaderPairs) {};
}

/* The next prime. True when `ret` is a pair to tell. */
static bool pairs_step(ReaderPairs *pairs, const Place *next, ReaderPair *ret) {
        const Place last = pairs->last;
        bool had_last = pairs->has_last;
        uint64_t gap;

        pairs->last = *next;
        pairs->has_last = true;
        if (!had_last)
                return false;
        gap = place_distance(&last, next, reader_grid(pairs->spans.reader)->block_length);
        if (gap == 0 || (pairs->kind == PAIR_TWIN ? gap != 2 : gap < pairs->minimum))
                return false; /* 0: the same prime again, first as the border of the span */
        if (pairs->kind == PAIR_RECORD)
                pairs->minimum = gap + 1;
        *ret = (ReaderPair) { .lower = last, .gap = gap };
        return true;
}

/* Whether the span can have such a pair inside. */
static bool span_has_pair(const ReaderPairs *pairs) {
        const Facts *facts = &pairs->span.facts;

        if (facts->count < 2)
                return false;
        return pairs->kind == PAIR_TWIN ? facts->twins > 0 : facts->gap >= pairs->minimum;
}

/* Begins to go through the block, 2, 3 and 5 first. */
static int block_enter(ReaderPairs *pairs, Problem *problem) {
        const uint8_t *bitmap;
        int r;

        r = reader_spans_bitmap(&pairs->spans, &pairs->span, &bitmap, problem);
        if (r < 0)
                return r;
        block_shape(reader_grid(pairs->spans.reader), pairs->span.first_block, &pairs->shape);
        bitmap_walk_init(&pairs->bits, bitmap, pairs->shape.n_bytes);
        pairs->next_small = 0;
        pairs->in_block = true;
        return 0;
}

static bool block_next(ReaderPairs *pairs, Place *ret) {
        static const uint8_t small[] = { 2, 3, 5 };
        uint64_t offset;

        ret->sequence = pairs->span.first_block;
        while (pairs->shape.starts_at_zero && pairs->next_small < ELEMENTSOF(small)) {
                ret->offset = small[pairs->next_small++];
                if (pairs->span.low <= ret->offset && ret->offset < pairs->span.high)
                        return true;
        }
        if (!bitmap_walk_next(&pairs->bits, &offset))
                return false;
        ret->offset = offset + pairs->shape.cell_offset;
        return true;
}

int reader_pairs_next(ReaderPairs *pairs, ReaderPair *ret, Problem *problem) {
        Place place;
        int r;

        for (;;) {
                while (pairs->in_block && block_next(pairs, &place))
                        if (pairs_step(pairs, &place, ret))
                                return 1;
                if (pairs->in_block)
                        pairs->in_block = pairs->has_span = false;

                if (!pairs->has_span) {
                        r = reader_spans_next(&pairs->spans, &pairs->span, problem);
                        if (r <= 0)
                                return r;
                        pairs->has_span = pairs->span.facts.count > 0;
                        if (pairs->has_span && pairs_step(pairs, &pairs->span.facts.first, ret))
                                return 1;
                        continue;
                }
                if (!span_has_pair(pairs)) {
                        pairs->last = pairs->span.facts.last;
                        pairs->has_span = false;
                } else if (pairs->span.n_blocks > 1) {
                        reader_spans_split(&pairs->spans, &pairs->span);
                        pairs->has_span = false;
                } else {
                        r = block_enter(pairs, problem);
                        if (r < 0)
                                return r;
                }
        }
}
