/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A set of sequence numbers, kept as sorted, disjoint, non-touching half-open intervals: what is done, what is
 * missing, what was acknowledged. Lookups are O(log n), changes O(n) in the number of intervals, which stays
 * small because work comes in runs.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Interval {
        uint64_t first, end; /* [first, end) */
} Interval;

typedef struct IntervalSet {
        Interval *intervals;
        size_t n_intervals, n_allocated;
        uint64_t n_members; /* sum of the lengths */
} IntervalSet;

#define INTERVAL_SET_EMPTY ((IntervalSet) {})

/* Frees the contents; the set is empty afterwards. */
void interval_set_done(IntervalSet *set);

/* Union with and difference from [first, end). 0 or -ENOMEM (nothing changed then). */
int interval_set_add(IntervalSet *set, uint64_t first, uint64_t end);
int interval_set_remove(IntervalSet *set, uint64_t first, uint64_t end);

bool interval_set_contains(const IntervalSet *set, uint64_t member);

/* The first interval that has members at or above `from`, cut at `from`. False if there is none. */
bool interval_set_next(const IntervalSet *set, uint64_t from, Interval *ret);

/* The first stretch of [from, limit) that is not in the set. False if there is none. */
bool interval_set_next_gap(const IntervalSet *set, uint64_t from, uint64_t limit, Interval *ret);

/* How many members [first, end) has. */
uint64_t interval_set_count(const IntervalSet *set, uint64_t first, uint64_t end);
