/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a store has on the disk, seen from outside, is what it says itself; and what reader_parts() makes of it. */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/fixture.h"
#include "store/reader.h"
#include "test.h"

static void check_sizes(const char *folder, const Store *store) {
        StoreTotals totals, found = { .n_blocks = 4711, .n_primes = 1 };

        store_totals(store, &totals);
        CHECK_EQUAL(store_measure(folder, &found), 0);
        CHECK_EQUAL(found.segment_bytes, totals.segment_bytes);
        CHECK_EQUAL(found.open_bytes, totals.open_bytes);
        CHECK_EQUAL(found.spool_bytes, totals.spool_bytes);
        CHECK_EQUAL(found.n_segments, totals.n_segments);
        CHECK(found.n_blocks == 4711 && found.n_primes == 1);
}

static void check_kept(const char *folder, uint64_t n_digest, StoreKeep last) {
        _cleanup_(reader_closep) Reader *reader = NULL;
        ReaderParts parts;

        CHECK(reader_open(folder, &reader, NULL) >= 0);
        CHECK_EQUAL(reader_parts(reader, &parts, NULL), 0);
        CHECK_EQUAL(parts.n_digest, n_digest);
        CHECK_EQUAL(parts.last_keep, last);
}

static void test_sizes_are_those_of_the_store(void) {
        const char *folder = fixture_folder();
        StoreVacuum vacuum;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 30);
        store = fixture_open(folder, &grid, 4);
        check_sizes(folder, store);
        check_kept(folder, 0, STORE_KEEP_FULL);
        for (uint64_t i = 0; i < 11; i++)
                CHECK_EQUAL(fixture_put(store, &grid, i), 0);
        for (uint64_t i = 20; i < 24; i++)
                CHECK_EQUAL(fixture_put(store, &grid, i), 0);
        CHECK(store_commit(store, NULL, NULL) >= 0);
        check_sizes(folder, store);
        check_kept(folder, 0, STORE_KEEP_FULL);

        CHECK_EQUAL(store_vacuum(store, 0, 1, &vacuum, NULL), 1);
        check_sizes(folder, store);
        check_kept(folder, 4, STORE_KEEP_FULL);

        store_set_keep(store, STORE_KEEP_DIGEST);
        CHECK_EQUAL(fixture_put(store, &grid, 11), 0);
        CHECK_EQUAL(fixture_put(store, &grid, 12), 0);
        CHECK(store_commit(store, NULL, NULL) >= 0);
        check_sizes(folder, store);
        check_kept(folder, 6, STORE_KEEP_DIGEST);
        store_close(store);
        grid_done(&grid);
}

static void test_what_is_no_store(void) {
        StoreTotals totals = { .segment_bytes = 5 };

        CHECK_EQUAL(store_measure("/does/not/exist", &totals), -ENOENT);
        CHECK_EQUAL(totals.segment_bytes, 5);
        CHECK_EQUAL(store_measure(fixture_folder(), &totals), 0);
        CHECK_EQUAL(totals.segment_bytes, 0);
}

int main(void) {
        RUN(test_sizes_are_those_of_the_store);
        RUN(test_what_is_no_store);
        return tests_end();
}
