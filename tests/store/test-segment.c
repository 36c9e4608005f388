/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The open segment: appending, finding it again, sealing. */

#include "store/segment.h"

#include <errno.h>

#include "store/fixture.h"
#include "test.h"

static Grid grid;
static const SegmentPlan first = { 0, 4 }, second = { 4, 8 };

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

        CHECK(segment_create(folder, &grid, &second, &segment, NULL) == 0);
        for (uint64_t i = 4; i < 7; i++)
                append(segment, i);
        CHECK(!segment_is_full(segment));
        CHECK(segment_sync(segment, NULL) == 0);
        before = *segment_footer(segment);
        CHECK(segment_load(folder, &grid, &second, &again, NULL) == 0);
        CHECK_EQUAL(segment_next_block(again), 7);
        CHECK_EQUAL(segment_bytes(again), segment_bytes(segment));
        CHECK(memcmp(&segment_footer(again)->facts, &before.facts, sizeof before.facts) == 0);
        CHECK(memcmp(segment_footer(again)->entries, before.entries, 3 * sizeof *before.entries) == 0);
        segment_free(segment);

        append(again, 7);
        CHECK(segment_is_full(again));
        CHECK(segment_seal(again, NULL) == 0);
        CHECK(!fixture_exists(path, "000000000004.open") && fixture_exists(path, "000000000004.primes"));
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

        CHECK(segment_create(folder, &grid, &first, &segment, NULL) == 0);
        append(segment, 0);
        one = segment_bytes(segment) - FILE_HEADER_SIZE;
        append(segment, 1);
        segment_free(segment);
        data = fixture_read(path, "000000000000.open", &size);
        memcpy(data + FILE_HEADER_SIZE + one, data + FILE_HEADER_SIZE, one); /* block 0 once more */
        fixture_write(path, "000000000000.open", data, FILE_HEADER_SIZE + 2 * one);
        free(data);
        CHECK(segment_load(folder, &grid, &first, &segment, NULL) == 0);
        CHECK_EQUAL(segment_next_block(segment), 1);
        CHECK(segment_cut_rest(segment, NULL) == 0);
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

        CHECK(segment_create(folder, &grid, &first, &segment, NULL) == 0);
        append(segment, 0);
        segment_free(segment);
        data = fixture_read(path, "000000000000.open", &size);
        data[20] ^= 1;
        fixture_write(path, "000000000000.open", data, size);
        CHECK(segment_load(folder, &grid, &first, &segment, NULL) == -EBADMSG);
        fixture_write(path, "000000000000.open", data, 10);
        CHECK(segment_load(folder, &grid, &first, &segment, NULL) == -EBADMSG);
        free(data);
        folder_close(folder);
}

static void append_without_bitmap(Segment *segment, uint64_t sequence) {
        FixtureBlock block;
        Record record;

        fixture_block(&grid, sequence, &block);
        fixture_record(&grid, &block, &record);
        record.packed_size = 0;
        record.codec = PACK_RAW;
        record.packed_checksum = checksum_xxh3(NULL, 0);
        CHECK(segment_append(segment, &record, NULL, NULL) == 0);
        fixture_block_done(&block);
}

/* No bitmap, and the sealed segment has no records either; its digest is that of one with all of them. */
static void test_digests_take_the_place_of_bitmaps(void) {
        const char *full_path = fixture_folder(), *path = fixture_folder();
        Folder *full_folder = fixture_open_folder(full_path), *folder = fixture_open_folder(path);
        uint8_t *data, *thin;
        size_t size, thin_size;
        Segment *full, *digests;
        Footer footer;

        CHECK(segment_create(full_folder, &grid, &second, &full, NULL) == 0);
        CHECK(segment_create(folder, &grid, &second, &digests, NULL) == 0);
        for (uint64_t i = 4; i < 8; i++) {
                append(full, i);
                append_without_bitmap(digests, i);
        }
        CHECK(segment_sync(digests, NULL) == 0);
        segment_free(digests);
        CHECK(segment_load(folder, &grid, &second, &digests, NULL) == 0);
        CHECK(segment_is_full(digests));
        CHECK(segment_seal(full, NULL) == 0 && segment_seal(digests, NULL) == 0);
        CHECK(memcmp(segment_footer(full)->digest, segment_footer(digests)->digest, SHA256_SIZE) == 0);
        CHECK(!fixture_exists(path, "000000000004.open"));
        thin = fixture_read(path, "000000000004.primes", &thin_size);
        CHECK_EQUAL(thin_size, FILE_HEADER_SIZE + footer_size(4, STORE_KEEP_DIGEST));
        CHECK_EQUAL(segment_bytes(digests), thin_size);

        /* the same bytes as when the bitmaps are taken away afterwards */
        data = fixture_read(full_path, "000000000004.primes", &size);
        CHECK_EQUAL(segment_bytes(full), size);
        CHECK(footer_decode(data, size, &footer) == 0);
        CHECK_EQUAL(footer.keep, STORE_KEEP_FULL);
        CHECK(segment_thin(full_folder, &footer, NULL) == 0);
        CHECK_EQUAL(footer.keep, STORE_KEEP_DIGEST);
        footer_done(&footer);
        free(data);
        data = fixture_read(full_path, "000000000004.primes", &size);
        CHECK(size == thin_size && memcmp(data, thin, size) == 0);
        free(data);
        free(thin);
        segment_free(full);
        segment_free(digests);
        folder_close(full_folder);
        folder_close(folder);
}

/* Some bitmaps are there, some are not: none is thrown away. */
static void test_bitmaps_among_digests_stay(void) {
        const char *path = fixture_folder();
        Folder *folder = fixture_open_folder(path);
        Segment *segment;
        Footer footer;
        uint8_t *data;
        size_t size;

        CHECK(segment_create(folder, &grid, &second, &segment, NULL) == 0);
        append_without_bitmap(segment, 4);
        append(segment, 5);
        append_without_bitmap(segment, 6);
        append(segment, 7);
        CHECK(segment_seal(segment, NULL) == 0);
        data = fixture_read(path, "000000000004.primes", &size);
        CHECK(footer_decode(data, size, &footer) == 0);
        CHECK_EQUAL(footer.keep, STORE_KEEP_FULL);
        CHECK(footer.entries[0].packed_size == 0 && footer.entries[1].packed_size > 0);
        CHECK_EQUAL(footer.entries[3].offset, footer.entries[2].offset + RECORD_HEADER_SIZE);
        CHECK_EQUAL(footer_records_end(&footer) + footer_size(4, STORE_KEEP_FULL), size);
        free(data);
        footer_done(&footer);
        segment_free(segment);
        folder_close(folder);
}

int main(void) {
        fixture_grid(&grid, FIXTURE_FROM, 11);
        RUN(test_segment_is_found_again);
        RUN(test_wrong_records_are_cut_off);
        RUN(test_bad_header_is_no_crash);
        RUN(test_bitmaps_among_digests_stay);
        RUN(test_digests_take_the_place_of_bitmaps);
        grid_done(&grid);
        return tests_end();
}
