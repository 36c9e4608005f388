/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The store on a disk that fails. One short history (blocks out of order, commits, sealing, provenance) is run again
 * and again with the first, second, third … call failing, until a run meets no failure any more. Whatever fails: what
 * a commit reported as durable is there afterwards, no descriptor is synced again after its sync failed, and the store
 * can be completed into the same bytes as ever.
 */

#include <errno.h>
#include <unistd.h>

#include "base/macro.h"
#include "faults/faulty-disk.h"
#include "store/fixture.h"
#include "store/layout.h"
#include "store/store.h"
#include "store/verify.h"
#include "test.h"

enum { N_BLOCKS = 14, SEGMENT_BLOCKS = 4 };

static const uint64_t order[N_BLOCKS] = { 2, 0, 1, 5, 3, 9, 4, 6, 8, 7, 13, 11, 12, 10 };

static Grid grid;
static const char *reference;

/* The provenance journal is compacted with its second entry. */
static int try_open(const FaultyDisk *faulty, const char *folder, Store **ret, Problem *problem) {
        const StoreOptions options = { .segment_blocks = SEGMENT_BLOCKS, .journal_size = 300 };

        return store_open(&faulty->disk, folder, &grid, &options, ret, problem);
}

static void check_intact(const char *folder) {
        Problem problem = PROBLEM_NONE;
        VerifyReport report;
        VerifyFault fault;

        if (verify_store(folder, NULL, &report, &fault, &problem) < 0)
                printf("# %s\n", problem.text);
        CHECK_STRING(problem.text, "");
        CHECK_EQUAL(report.n_blocks, N_BLOCKS);
}

/* After the failure, with a disk that works: nothing durable is lost, and the rest can be done. */
static void check_and_finish(const char *folder, const IntervalSet *durable) {
        Store *store = fixture_open(folder, &grid, SEGMENT_BLOCKS);
        Interval interval;

        for (uint64_t from = 0; interval_set_next(durable, from, &interval); from = interval.end)
                CHECK(interval_set_count(store_present(store), interval.first, interval.end) ==
                      interval.end - interval.first);
        for (uint64_t i = 0; i < N_BLOCKS; i++)
                if (!interval_set_contains(store_present(store), i))
                        CHECK(fixture_put(store, &grid, i) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        CHECK_EQUAL(store_frontier(store), N_BLOCKS);
        store_close(store);
        CHECK(fixture_same(reference, folder));
        CHECK_EQUAL(fixture_count(folder, "spool") + fixture_count(folder, ".new") + fixture_count(folder, ".open"), 0);
        check_intact(folder);
}

static bool is_lack_of_space(int r) {
        return r == -ENOSPC || r == -EDQUOT;
}

/*
 * The history. Lack of space is met by trying again, at most `n_retries` times in all. Returns the failure that ended
 * it, or 0.
 */
static int run_history(Store *store, IntervalSet *durable, unsigned n_retries) {
        const StoreProvenance provenance = { .first = 0, .end = 3, .worker_name = "w", .check = "unaudited" };
        size_t n_before;
        int r;

        for (size_t i = 0; i < N_BLOCKS; i++) {
                while (is_lack_of_space(r = fixture_put(store, &grid, order[i])) && n_retries > 0)
                        n_retries--;
                if (r < 0)
                        return r;
                if (i % 3 == 2) {
                        do
                                r = store_put_provenance(store, &provenance, NULL);
                        while (is_lack_of_space(r) && n_retries-- > 0);
                        if (r < 0)
                                return r;
                }
                if (i % 3 != 2 && i + 1 < N_BLOCKS)
                        continue;
                n_before = (size_t) durable->n_members;
                r = store_commit(store, durable, NULL);
                if (r < 0) {
                        CHECK_EQUAL(durable->n_members, n_before);
                        CHECK(store_commit(store, durable, NULL) < 0);
                        CHECK(fixture_put(store, &grid, order[N_BLOCKS - 1]) < 0);
                        return r;
                }
                CHECK_EQUAL(durable->n_members, i + 1);
        }
        return 0;
}

/* Fails call `first` up to `end`. False: the run met no failure. */
static bool fail_calls(const FaultyDisk *how, uint64_t first, uint64_t end) {
        const char *folder = fixture_folder();
        IntervalSet durable = INTERVAL_SET_EMPTY;
        Problem problem = PROBLEM_NONE;
        FaultyDisk faulty;
        Store *store = NULL;
        int r;

        faulty_disk_init(&faulty, how->error, first, end);
        faulty.torn = how->torn;
        r = try_open(&faulty, folder, &store, &problem);
        CHECK((r < 0) == (problem.text[0] != '\0'));
        if (r >= 0)
                r = run_history(store, &durable, 3);
        store_close(store);
        CHECK_EQUAL(faulty.n_syncs_after_failure, 0);
        CHECK(r == 0 || r == how->error);
        check_and_finish(folder, &durable);
        interval_set_done(&durable);
        fixture_discard(folder);
        return faulty.n_failed > 0;
}

static void fail_each_call(const FaultyDisk *how, bool for_ever) {
        uint64_t n = 1;

        while (fail_calls(how, n, for_ever ? UINT64_MAX : n + 1))
                n++;
        printf("# %" PRIu64 " calls\n", n - 1);
        CHECK(n > 60);
}

static void test_each_call_fails_once_with_io_error(void) {
        fail_each_call(&(FaultyDisk) { .error = -EIO }, false);
}

static void test_each_call_fails_from_then_on_with_io_error(void) {
        fail_each_call(&(FaultyDisk) { .error = -EIO }, true);
}

static void test_each_call_tears_with_io_error(void) {
        fail_each_call(&(FaultyDisk) { .error = -EIO, .torn = true }, false);
}

static void test_each_call_fails_once_for_lack_of_space(void) {
        fail_each_call(&(FaultyDisk) { .error = -ENOSPC, .torn = true }, false);
}

static void test_each_call_fails_from_then_on_for_lack_of_space(void) {
        fail_each_call(&(FaultyDisk) { .error = -EDQUOT, .torn = true }, true);
}

/* The disk is full for a while, then not: the same store object goes on, nobody has to open it again. */
static void test_full_disk_is_lived_through(void) {
        for (uint64_t first = 10; first < 60; first++)
                for (uint64_t n = 1; n < 12; n += 5) {
                        const char *folder = fixture_folder();
                        IntervalSet durable = INTERVAL_SET_EMPTY;
                        FaultyDisk faulty;
                        Store *store;

                        faulty_disk_init(&faulty, -ENOSPC, first, first + n);
                        faulty.writes_only = true;
                        faulty.torn = true;
                        CHECK(try_open(&faulty, folder, &store, NULL) == 0);
                        CHECK(run_history(store, &durable, 100) == 0);
                        CHECK_EQUAL(durable.n_members, N_BLOCKS);
                        for (unsigned i = 0; i < 20 && store_wants_space(store); i++)
                                CHECK(store_commit(store, NULL, NULL) == 0);
                        CHECK(!store_wants_space(store));
                        CHECK_EQUAL(store_frontier(store), N_BLOCKS);
                        store_close(store);
                        CHECK(fixture_same(reference, folder));
                        check_intact(folder);
                        interval_set_done(&durable);
                        fixture_discard(folder);
                }
}

/* No space for tidying: what was put is durable all the same, and the store says what it waits for. */
static void test_no_space_to_seal_is_no_failure(void) {
        const char *folder = fixture_folder();
        IntervalSet durable = INTERVAL_SET_EMPTY;
        FaultyDisk faulty;
        Store *store;

        faulty_disk_init(&faulty, -ENOSPC, 0, 0); /* none yet */
        faulty.writes_only = true;
        CHECK(try_open(&faulty, folder, &store, NULL) == 0);
        for (uint64_t i = 0; i < SEGMENT_BLOCKS - 1; i++)
                CHECK(fixture_put(store, &grid, i) == 0);
        /* The last block of the segment finds room, then the disk is full. */
        faulty.fail_first = faulty.n_calls + 2;
        faulty.fail_end = UINT64_MAX;
        CHECK(fixture_put(store, &grid, SEGMENT_BLOCKS - 1) == 0);
        CHECK(store_commit(store, &durable, NULL) == 0);
        CHECK_EQUAL(durable.n_members, SEGMENT_BLOCKS);
        CHECK(store_wants_space(store));
        CHECK_EQUAL(fixture_count(folder, ".primes"), 0);
        CHECK(fixture_put(store, &grid, SEGMENT_BLOCKS) == -ENOSPC);

        faulty.fail_end = 0;
        CHECK(store_commit(store, NULL, NULL) == 0);
        CHECK(!store_wants_space(store));
        CHECK_EQUAL(fixture_count(folder, ".primes"), 1);
        CHECK(fixture_put(store, &grid, SEGMENT_BLOCKS) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        check_and_finish(folder, &durable);
        interval_set_done(&durable);
}

static void test_read_only_folder(void) {
        const char *folder = fixture_folder();
        Problem problem = PROBLEM_NONE;
        FaultyDisk faulty;
        Store *store;

        faulty_disk_init(&faulty, -EROFS, 1, UINT64_MAX);
        faulty.writes_only = true;
        CHECK(try_open(&faulty, folder, &store, &problem) == -EROFS);
        CHECK(strstr(problem.text, folder) != NULL && strstr(problem.text, "Read-only") != NULL);
        CHECK_EQUAL(fixture_count(folder, "job"), 0);
}

int main(void) {
        fixture_grid(&grid, FIXTURE_FROM, N_BLOCKS);
        reference = fixture_folder();
        fixture_store(reference, &grid, SEGMENT_BLOCKS, N_BLOCKS);

        RUN(test_each_call_fails_once_with_io_error);
        RUN(test_each_call_fails_from_then_on_with_io_error);
        RUN(test_each_call_tears_with_io_error);
        RUN(test_each_call_fails_once_for_lack_of_space);
        RUN(test_each_call_fails_from_then_on_for_lack_of_space);
        RUN(test_full_disk_is_lived_through);
        RUN(test_no_space_to_seal_is_no_failure);
        RUN(test_read_only_folder);
        grid_done(&grid);
        return tests_end();
}
