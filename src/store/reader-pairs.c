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
        ReaderPairs result = { .kind = kind, .minimum = MAX(minimum, (uint64_t) 1), .maximum = UINT64_MAX };
        int r;

        if (kind == PAIR_TWIN)
                result.minimum = result.maximum = 2;
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

/* True when that is a pair to tell. */
static bool pairs_take(ReaderPairs *pairs, const Place *lower, uint64_t gap, ReaderPair *ret) {
        if (gap < pairs->minimum || gap > pairs->maximum)
                return false;
        if (pairs->kind == PAIR_RECORD)
                pairs->minimum = gap + 1;
        *ret = (ReaderPair) { .lower = *lower, .gap = gap };
        return true;
}

/* From the last prime before to the first of the span; the same when the span was split and comes again. */
static bool pairs_cross_border(ReaderPairs *pairs, ReaderPair *ret) {
        const Place last = pairs->last, *first = &pairs->span.facts.first;
        bool had_last = pairs->has_last;
        uint64_t gap;

        pairs->last = *first;
        pairs->has_last = true;
        if (!had_last)
                return false;
        gap = place_distance(&last, first, reader_grid(pairs->spans.reader)->block_length);
        return pairs_take(pairs, &last, gap, ret);
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

static bool block_next(ReaderPairs *pairs, uint64_t *ret_offset) {
        static const uint8_t small[] = { 2, 3, 5 };
        uint64_t offset;

        while (pairs->shape.starts_at_zero && pairs->next_small < ELEMENTSOF(small)) {
                *ret_offset = small[pairs->next_small++];
                if (pairs->span.low <= *ret_offset && *ret_offset < pairs->span.high)
                        return true;
        }
        if (!bitmap_walk_next(&pairs->bits, &offset))
                return false;
        *ret_offset = offset + pairs->shape.cell_offset;
        return true;
}

/* The last prime is one of this block, for its first one was told at the border. Most primes end no pair: be quick. */
static bool block_find_pair(ReaderPairs *pairs, ReaderPair *ret) {
        const uint64_t minimum = pairs->minimum, maximum = pairs->maximum;
        uint64_t last = pairs->last.offset, offset;

        while (block_next(pairs, &offset)) {
                const Place lower = { pairs->span.first_block, last };
                uint64_t gap = offset - last;

                last = offset;
                if (gap >= minimum && gap <= maximum) {
                        pairs->last.offset = last;
                        return pairs_take(pairs, &lower, gap, ret);
                }
        }
        pairs->last.offset = last;
        return false;
}

int reader_pairs_next(ReaderPairs *pairs, ReaderPair *ret, Problem *problem) {
        int r;

        for (;;) {
                if (pairs->in_block && block_find_pair(pairs, ret))
                        return 1;
                if (pairs->in_block)
                        pairs->in_block = pairs->has_span = false;

                if (!pairs->has_span) {
                        r = reader_spans_next(&pairs->spans, &pairs->span, problem);
                        if (r <= 0)
                                return r;
                        pairs->has_span = pairs->span.facts.count > 0;
                        if (pairs->has_span && pairs_cross_border(pairs, ret))
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
