/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The open segment: appending, finding it again, sealing. */

#include "store/segment.h"

#include <errno.h>

#include "store/fixture.h"
#include "test.h"

static Grid grid;

static void append(Segment *segment, uint64_t sequence) {
        FixtureBlock block;
        Record record;

        fixture_block(&grid, sequence, &block);
        fixture_record(&grid, &block, &record);
        CHECK_EQUAL(segment_next_block(segment), sequence);
        CHECK(segment_append(segment, &record, block.packed, NULL) == 0);
        fixture_block_done(&block);
}

static void test_segment_is_found_again(void) {
        const char *path = fixture_folder();
        Folder *folder = fixture_open_folder(path);
        Segment *segment, *again;
        Footer before;

        CHECK(segment_create(folder, &grid, 4, 1, &segment, NULL) == 0);
        for (uint64_t i = 4; i < 7; i++)
                append(segment, i);
        CHECK(!segment_is_full(segment));
        CHECK(segment_sync(segment, NULL) == 0);
        before = *segment_footer(segment);
        CHECK(segment_load(folder, &grid, 4, 1, &again, NULL) == 0);
        CHECK_EQUAL(segment_next_block(again), 7);
        CHECK_EQUAL(segment_bytes(again), segment_bytes(segment));
        CHECK(memcmp(&segment_footer(again)->facts, &before.facts, sizeof before.facts) == 0);
        CHECK(memcmp(segment_footer(again)->entries, before.entries, 3 * sizeof *before.entries) == 0);
        segment_free(segment);

        append(again, 7);
        CHECK(segment_is_full(again));
        CHECK(segment_seal(again, NULL) == 0);
        CHECK(!fixture_exists(path, "000000000001.open") && fixture_exists(path, "000000000001.primes"));
        segment_free(again);
        folder_close(folder);
}

/* Records from elsewhere, even whole ones, end the segment. */
static void test_wrong_records_are_cut_off(void) {
        const char *path = fixture_folder();
        Folder *folder = fixture_open_folder(path);
        Segment *segment;
        uint8_t *data;
        size_t size;
        uint64_t one;

        CHECK(segment_create(folder, &grid, 4, 0, &segment, NULL) == 0);
        append(segment, 0);
        one = segment_bytes(segment) - FILE_HEADER_SIZE;
        append(segment, 1);
        segment_free(segment);
        data = fixture_read(path, "000000000000.open", &size);
        memcpy(data + FILE_HEADER_SIZE + one, data + FILE_HEADER_SIZE, one); /* block 0 once more */
        fixture_write(path, "000000000000.open", data, FILE_HEADER_SIZE + 2 * one);
        free(data);
        CHECK(segment_load(folder, &grid, 4, 0, &segment, NULL) == 0);
        CHECK_EQUAL(segment_next_block(segment), 1);
        CHECK_EQUAL(segment_bytes(segment), FILE_HEADER_SIZE + one);
        free(fixture_read(path, "000000000000.open", &size));
        CHECK_EQUAL(size, FILE_HEADER_SIZE + one);
        segment_free(segment);
        folder_close(folder);
}

static void test_bad_header_is_no_crash(void) {
        const char *path = fixture_folder();
        Folder *folder = fixture_open_folder(path);
        Segment *segment;
        size_t size;
        uint8_t *data;

        CHECK(segment_create(folder, &grid, 4, 0, &segment, NULL) == 0);
        append(segment, 0);
        segment_free(segment);
        data = fixture_read(path, "000000000000.open", &size);
        data[20] ^= 1;
        fixture_write(path, "000000000000.open", data, size);
        CHECK(segment_load(folder, &grid, 4, 0, &segment, NULL) == -EBADMSG);
        fixture_write(path, "000000000000.open", data, 10);
        CHECK(segment_load(folder, &grid, 4, 0, &segment, NULL) == -EBADMSG);
        free(data);
        folder_close(folder);
}

int main(void) {
        fixture_grid(&grid, FIXTURE_FROM, 11);
        RUN(test_segment_is_found_again);
        RUN(test_wrong_records_are_cut_off);
        RUN(test_bad_header_is_no_crash);
        grid_done(&grid);
        return tests_end();
}
