/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The interval set against a plain array of bits, and its invariants after each change. */

#include "base/interval-set.h"

#include "base/random.h"
#include "seed.h"
#include "test.h"

#define N_MEMBERS 200

/* Sorted, disjoint, non-touching, not empty, and counted right. */
static void check_invariants(const IntervalSet *set) {
        uint64_t n = 0;

        for (size_t i = 0; i < set->n_intervals; i++) {
                CHECK(set->intervals[i].first < set->intervals[i].end);
                CHECK(i == 0 || set->intervals[i - 1].end < set->intervals[i].first);
                n += set->intervals[i].end - set->intervals[i].first;
        }
        CHECK_EQUAL(set->n_members, n);
}

static uint64_t model_count(const bool *model, uint64_t first, uint64_t end) {
        uint64_t n = 0;

        for (uint64_t i = first; i < end; i++)
                n += model[i];
        return n;
}

/* The first stretch of `wanted` from `from` on, below `limit`. False if there is none. */
static bool model_stretch(const bool *model, bool wanted, uint64_t from, uint64_t limit, Interval *ret) {
        while (from < limit && model[from] != wanted)
                from++;
        if (from >= limit)
                return false;
        *ret = (Interval) { from, from };
        while (ret->end < limit && model[ret->end] == wanted)
                ret->end++;
        return true;
}

static void check_queries(const IntervalSet *set, const bool *model, uint64_t from, uint64_t limit) {
        Interval want = {}, got = {};
        bool found;

        CHECK(interval_set_contains(set, from) == model[from]);
        CHECK_EQUAL(interval_set_count(set, from, limit), model_count(model, from, limit));

        found = model_stretch(model, true, from, N_MEMBERS, &want);
        CHECK(interval_set_next(set, from, &got) == found);
        CHECK(!found || (got.first == want.first && got.end == want.end));

        found = model_stretch(model, false, from, limit, &want);
        CHECK(interval_set_next_gap(set, from, limit, &got) == found);
        CHECK(!found || (got.first == want.first && got.end == want.end));
}

static void test_random_against_bits(void) {
        IntervalSet set = INTERVAL_SET_EMPTY;
        bool model[N_MEMBERS + 1] = {};
        Random random;

        random_init(&random, test_seed());
        for (int step = 0; step < 200000; step++) {
                uint64_t first = random_below(&random, N_MEMBERS);
                uint64_t end = first + random_below(&random, 1 + random_below(&random, N_MEMBERS - first + 1));
                bool add = random_u64(&random) & 1;

                CHECK((add ? interval_set_add(&set, first, end) : interval_set_remove(&set, first, end)) == 0);
                for (uint64_t i = first; i < end; i++)
                        model[i] = add;

                check_invariants(&set);
                CHECK_EQUAL(set.n_members, model_count(model, 0, N_MEMBERS));
                first = random_below(&random, N_MEMBERS);
                check_queries(&set, model, first, first + random_below(&random, N_MEMBERS - first + 1));
        }
        interval_set_done(&set);
}

static void test_neighbours_merge(void) {
        IntervalSet set = INTERVAL_SET_EMPTY;

        CHECK(interval_set_add(&set, 10, 20) == 0);
        CHECK(interval_set_add(&set, 30, 40) == 0);
        CHECK_EQUAL(set.n_intervals, 2);
        CHECK(interval_set_add(&set, 20, 30) == 0);
        CHECK_EQUAL(set.n_intervals, 1);
        CHECK(set.intervals[0].first == 10 && set.intervals[0].end == 40);
        CHECK(interval_set_add(&set, 15, 25) == 0);
        CHECK_EQUAL(set.n_members, 30);
        interval_set_done(&set);
}

static void test_removal_splits(void) {
        IntervalSet set = INTERVAL_SET_EMPTY;

        CHECK(interval_set_add(&set, 10, 40) == 0);
        CHECK(interval_set_remove(&set, 20, 30) == 0);
        CHECK_EQUAL(set.n_intervals, 2);
        CHECK(!interval_set_contains(&set, 20) && !interval_set_contains(&set, 29));
        CHECK(interval_set_contains(&set, 19) && interval_set_contains(&set, 30));
        interval_set_done(&set);
}

/* Nothing overflows at the upper end of the integers. */
static void test_ends_of_the_integers(void) {
        IntervalSet set = INTERVAL_SET_EMPTY;
        Interval interval;

        CHECK(interval_set_add(&set, 0, 1) == 0);
        CHECK(interval_set_add(&set, UINT64_MAX - 1, UINT64_MAX) == 0);
        CHECK(interval_set_contains(&set, UINT64_MAX - 1));
        CHECK(!interval_set_contains(&set, UINT64_MAX));
        CHECK(interval_set_next_gap(&set, 0, UINT64_MAX, &interval));
        CHECK(interval.first == 1 && interval.end == UINT64_MAX - 1);
        CHECK(!interval_set_next_gap(&set, UINT64_MAX - 1, UINT64_MAX, &interval));
        CHECK(interval_set_add(&set, 0, UINT64_MAX) == 0);
        CHECK(set.n_members == UINT64_MAX);
        CHECK(interval_set_count(&set, 0, UINT64_MAX) == UINT64_MAX);
        interval_set_done(&set);
}

static void test_empty_intervals_change_nothing(void) {
        IntervalSet set = INTERVAL_SET_EMPTY;
        Interval interval;

        CHECK(interval_set_add(&set, 5, 5) == 0);
        CHECK(interval_set_add(&set, 6, 5) == 0);
        CHECK(interval_set_remove(&set, 0, 100) == 0);
        CHECK_EQUAL(set.n_intervals, 0);
        CHECK(!interval_set_next(&set, 0, &interval));
        CHECK(!interval_set_next_gap(&set, 7, 7, &interval));
        CHECK(interval_set_next_gap(&set, 7, 8, &interval));
        CHECK(interval.first == 7 && interval.end == 8);
        interval_set_done(&set);
        interval_set_done(&set);
}

int main(void) {
        RUN(test_random_against_bits);
        RUN(test_neighbours_merge);
        RUN(test_removal_splits);
        RUN(test_ends_of_the_integers);
        RUN(test_empty_intervals_change_nothing);
        return tests_end();
}
