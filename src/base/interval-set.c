/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sorted, disjoint, non-touching half-open intervals in one array. */

#include "base/interval-set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

void interval_set_done(IntervalSet *set) {
        free(set->intervals);
        *set = INTERVAL_SET_EMPTY;
}

/* Index of the first interval whose end is above `value` (touching counts when `touching`). */
static size_t interval_set_find(const IntervalSet *set, uint64_t value, bool touching) {
        size_t low = 0, high = set->n_intervals;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                uint64_t end = set->intervals[middle].end;

                if (end > value || (touching && end == value))
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

/* Replaces `n_old` intervals at `at` by `n_new` others. */
static int interval_set_splice(IntervalSet *set, size_t at, size_t n_old, const Interval *new, size_t n_new) {
        size_t n = set->n_intervals - n_old + n_new;

        if (n > set->n_allocated) {
                size_t n_allocated = MAX(n, set->n_allocated * 2 + 8);
                Interval *grown = reallocarray(set->intervals, n_allocated, sizeof *grown);

                if (!grown)
                        return -ENOMEM;
                set->intervals = grown;
                set->n_allocated = n_allocated;
        }
        if (n_old != n_new && set->n_intervals > at + n_old)
                memmove(set->intervals + at + n_new, set->intervals + at + n_old,
                        (set->n_intervals - at - n_old) * sizeof *set->intervals);
        for (size_t i = 0; i < n_new; i++)
                set->intervals[at + i] = new[i];
        set->n_intervals = n;
        return 0;
}

int interval_set_add(IntervalSet *set, uint64_t first, uint64_t end) {
        Interval merged = { first, end };
        uint64_t n_known = 0;
        size_t at, n;
        int r;

        if (first >= end)
                return 0;

        at = interval_set_find(set, first, true);
        for (n = at; n < set->n_intervals && set->intervals[n].first <= end; n++) {
                merged.first = MIN(merged.first, set->intervals[n].first);
                merged.end = MAX(merged.end, set->intervals[n].end);
                n_known += set->intervals[n].end - set->intervals[n].first;
        }

        r = interval_set_splice(set, at, n - at, &merged, 1);
        if (r < 0)
                return r;
        set->n_members += merged.end - merged.first - n_known;
        return 0;
}

int interval_set_remove(IntervalSet *set, uint64_t first, uint64_t end) {
        Interval rest[2];
        uint64_t n_removed = 0;
        size_t at, n, n_rest = 0;
        int r;

        if (first >= end)
                return 0;

        at = interval_set_find(set, first, false);
        for (n = at; n < set->n_intervals && set->intervals[n].first < end; n++) {
                const Interval *old = set->intervals + n;

                n_removed += MIN(end, old->end) - MAX(first, old->first);
                if (old->first < first)
                        rest[n_rest++] = (Interval) { old->first, first };
                if (old->end > end)
                        rest[n_rest++] = (Interval) { end, old->end };
        }

        r = interval_set_splice(set, at, n - at, rest, n_rest);
        if (r < 0)
                return r;
        set->n_members -= n_removed;
        return 0;
}

bool interval_set_contains(const IntervalSet *set, uint64_t member) {
        size_t at = interval_set_find(set, member, false);

        return at < set->n_intervals && set->intervals[at].first <= member;
}

bool interval_set_next(const IntervalSet *set, uint64_t from, Interval *ret) {
        size_t at = interval_set_find(set, from, false);

        if (at >= set->n_intervals)
                return false;
        *ret = (Interval) { MAX(from, set->intervals[at].first), set->intervals[at].end };
        return true;
}

bool interval_set_next_gap(const IntervalSet *set, uint64_t from, uint64_t limit, Interval *ret) {
        size_t at = interval_set_find(set, from, false);

        if (at < set->n_intervals && set->intervals[at].first <= from)
                from = set->intervals[at++].end;
        if (from >= limit)
                return false;
        *ret = (Interval) {
                from,
                at < set->n_intervals ? MIN(limit, set->intervals[at].first) : limit,
        };
        return true;
}

uint64_t interval_set_count(const IntervalSet *set, uint64_t first, uint64_t end) {
        uint64_t n = 0;

        for (size_t at = interval_set_find(set, first, false); at < set->n_intervals && set->intervals[at].first < end;
             at++)
                n += MIN(end, set->intervals[at].end) - MAX(first, set->intervals[at].first);
        return n;
}
