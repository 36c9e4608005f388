/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The spool: an index over files that come and go. */

#include "store/spool.h"

#include <errno.h>

#include "store/fixture.h"
#include "test.h"

static Grid grid;

static void put(Spool *spool, uint64_t sequence) {
        FixtureBlock block;
        Record record;

        fixture_block(&grid, sequence, &block);
        fixture_record(&grid, &block, &record);
        CHECK(spool_put(spool, &record, block.packed, NULL) == 0);
        fixture_block_done(&block);
}

static void check_block(Spool *spool, uint64_t sequence) {
        const Record *record = spool_find(spool, sequence);
        const uint8_t *packed;
        FixtureBlock block;

        fixture_block(&grid, sequence, &block);
        CHECK(record != NULL);
        CHECK_EQUAL(record->sequence, sequence);
        CHECK_EQUAL(record->packed_size, block.block.packed_size);
        CHECK(spool_read(spool, sequence, &packed, NULL) == 0);
        CHECK(memcmp(packed, block.packed, block.block.packed_size) == 0);
        fixture_block_done(&block);
}

static void test_blocks_in_any_order(void) {
        enum { N = 200 };
        const char *path = fixture_folder();
        Folder *folder = fixture_open_folder(path);
        Spool *spool = spool_new(folder, &grid);
        uint64_t order[N];
        Random random;

        random_init(&random, fixture_seed());
        for (uint64_t i = 0; i < N; i++)
                order[i] = i;
        fixture_shuffle(order, N, &random);
        for (size_t i = 0; i < N; i++)
                put(spool, order[i]);
        CHECK_EQUAL(spool_n_blocks(spool), N);
        CHECK(spool_n_primes(spool) > 0 && spool_bytes(spool) > 0);
        CHECK(spool_sync(spool, NULL) == 0);
        fixture_shuffle(order, N, &random);
        for (size_t i = 0; i < N; i++) {
                check_block(spool, order[i]);
                CHECK(spool_sweep(spool, NULL) == 0);
                CHECK_EQUAL(fixture_count(path, "spool-"), 1);
                spool_drop(spool, order[i]);
                spool_drop(spool, order[i]); /* once more is nothing */
                CHECK(spool_find(spool, order[i]) == NULL);
                CHECK_EQUAL(spool_n_blocks(spool), N - i - 1);
        }
        CHECK_EQUAL(spool_n_primes(spool), 0);
        CHECK(spool_sweep(spool, NULL) == 0);
        CHECK_EQUAL(fixture_count(path, "spool-"), 0);
        CHECK_EQUAL(spool_bytes(spool), 0);
        put(spool, 3); /* a new file */
        check_block(spool, 3);
        spool_free(spool);
        folder_close(folder);
}

static void test_files_are_taken_in_again(void) {
        uint64_t n_damaged = 0;
        const char *path = fixture_folder();
        IntervalSet present = INTERVAL_SET_EMPTY;
        Folder *folder = fixture_open_folder(path);
        Spool *spool = spool_new(folder, &grid);

        for (uint64_t i = 10; i < 15; i++)
                put(spool, i);
        spool_free(spool);
        spool = spool_new(folder, &grid);
        CHECK(interval_set_add(&present, 0, 12) == 0);
        CHECK(spool_load(spool, 0, &present, &n_damaged, NULL) == 0);
        CHECK_EQUAL(spool_n_blocks(spool), 3);
        CHECK(spool_find(spool, 11) == NULL);
        check_block(spool, 14);
        CHECK_EQUAL(present.n_members, 15);
        put(spool, 20); /* never into an old file */
        CHECK(fixture_exists(path, "spool-00000001"));
        spool_free(spool);
        interval_set_done(&present);
        folder_close(folder);
}

static void test_damage_after_writing_is_noticed(void) {
        const char *path = fixture_folder();
        Folder *folder = fixture_open_folder(path);
        Spool *spool = spool_new(folder, &grid);
        Problem problem = PROBLEM_NONE;
        const uint8_t *packed;
        uint8_t *data;
        size_t size;

        put(spool, 4);
        data = fixture_read(path, "spool-00000000", &size);
        data[size - 1] ^= 1;
        fixture_write(path, "spool-00000000", data, size);
        free(data);
        CHECK(spool_read(spool, 4, &packed, &problem) == -EBADMSG);
        CHECK(strstr(problem.text, "spool-00000000") != NULL);
        CHECK(spool_read(spool, 5, &packed, NULL) == -ENOENT);
        spool_free(spool);
        folder_close(folder);
}

int main(void) {
        fixture_grid(&grid, FIXTURE_FROM, 0);
        RUN(test_blocks_in_any_order);
        RUN(test_files_are_taken_in_again);
        RUN(test_damage_after_writing_is_noticed);
        grid_done(&grid);
        return tests_end();
}
