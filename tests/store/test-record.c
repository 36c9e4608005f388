/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Records: right only in their own place. */

#include "store/record.h"

#include <errno.h>

#include "base/bytes.h"
#include "store/fixture.h"
#include "test.h"

static const uint8_t job[SHA256_SIZE] = { 9, 8, 7, 6, 5 };

static Record make_record(const Grid *grid, FixtureBlock *block) {
        Record record;

        fixture_block(grid, 2, block);
        fixture_record(grid, block, &record);
        return record;
}

static void test_round_trip(void) {
        const RecordOrigin origin = record_origin(FILE_SEGMENT, 77, job);
        uint8_t data[RECORD_HEADER_SIZE];
        Record record, again;
        FixtureBlock block;
        const char *what;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 5);
        record = make_record(&grid, &block);
        record_encode_header(&record, &origin, data);
        CHECK(record_decode_header(data, &origin, &grid, &again) == 0);
        CHECK(again.sequence == 2 && again.codec == record.codec && again.certainty == record.certainty);
        CHECK(memcmp(&again.facts, &record.facts, sizeof record.facts) == 0);
        CHECK(record_check_packed(&again, block.packed));
        CHECK(record_check_bitmap(&again, &grid, block.bitmap, &what) == 0);

        block.packed[3] ^= 1;
        CHECK(!record_check_packed(&again, block.packed));
        again.facts.twins++;
        CHECK(record_check_bitmap(&again, &grid, block.bitmap, &what) == -EBADMSG);
        again.facts.count++;
        CHECK(record_check_bitmap(&again, &grid, block.bitmap, &what) == -EBADMSG);
        CHECK_STRING(what, "count");
        block.bitmap[9] ^= 1;
        CHECK(record_check_bitmap(&again, &grid, block.bitmap, &what) == -EBADMSG);
        CHECK_STRING(what, "digest");
        fixture_block_done(&block);
        grid_done(&grid);
}

static void test_other_places_and_flips_are_refused(void) {
        const RecordOrigin origin = record_origin(FILE_SEGMENT, 77, job);
        uint8_t other_job[SHA256_SIZE] = { 1 }, data[RECORD_HEADER_SIZE];
        RecordOrigin other;
        FixtureBlock block;
        Record record, again;
        Grid grid, shorter;

        fixture_grid(&grid, FIXTURE_FROM, 5);
        fixture_grid(&shorter, FIXTURE_FROM, 2);
        record = make_record(&grid, &block);
        record_encode_header(&record, &origin, data);
        other = record_origin(FILE_SPOOL, 77, job);
        CHECK(record_decode_header(data, &other, &grid, &again) == -EBADMSG);
        other = record_origin(FILE_SEGMENT, 78, job);
        CHECK(record_decode_header(data, &other, &grid, &again) == -EBADMSG);
        other = record_origin(FILE_SEGMENT, 77, other_job);
        CHECK(record_decode_header(data, &other, &grid, &again) == -EBADMSG);
        CHECK(record_decode_header(data, &origin, &shorter, &again) == -EBADMSG);
        for (size_t i = 0; i < sizeof data; i++) {
                data[i] ^= 64;
                CHECK(record_decode_header(data, &origin, &grid, &again) == -EBADMSG);
                data[i] ^= 64;
        }
        fixture_block_done(&block);
        grid_done(&grid);
        grid_done(&shorter);
}

/* What a header claims is bounded before a byte is reserved for it. */
static void test_absurd_sizes_are_refused(void) {
        const RecordOrigin origin = record_origin(FILE_SEGMENT, 0, job);
        uint8_t data[RECORD_HEADER_SIZE];
        FixtureBlock block;
        Record record, again;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 5);
        record = make_record(&grid, &block);
        record.packed_size = UINT32_MAX;
        record_encode_header(&record, &origin, data);
        CHECK(record_decode_header(data, &origin, &grid, &again) == -EBADMSG);
        record.packed_size = 0; /* none is kept; then it is not packed in any way either */
        record.codec = PACK_ZSTD;
        record_encode_header(&record, &origin, data);
        CHECK(record_decode_header(data, &origin, &grid, &again) == -EBADMSG);
        record.codec = PACK_RAW;
        record_encode_header(&record, &origin, data);
        CHECK(record_decode_header(data, &origin, &grid, &again) == 0);
        CHECK_EQUAL(again.packed_size, 0);
        record.packed_size = 8;
        record.sequence = UINT64_MAX;
        record_encode_header(&record, &origin, data);
        CHECK(record_decode_header(data, &origin, &grid, &again) == -EBADMSG);
        fixture_block_done(&block);
        grid_done(&grid);
}

int main(void) {
        RUN(test_round_trip);
        RUN(test_other_places_and_flips_are_refused);
        RUN(test_absurd_sizes_are_refused);
        return tests_end();
}
