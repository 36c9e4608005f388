/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Footers: what is written is read, everything else is refused. */

#include "store/footer.h"

#include <errno.h>
#include <fcntl.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "store/fixture.h"
#include "test.h"

static const uint8_t job[SHA256_SIZE] = { 3 };

static Footer make_footer(const Grid *grid, uint64_t first_block, uint64_t n_blocks) {
        Footer footer = { .first_block = first_block, .keep = STORE_KEEP_FULL };
        uint64_t offset = FILE_HEADER_SIZE;

        footer.entries = calloc((size_t) n_blocks, sizeof *footer.entries);
        CHECK(footer.entries != NULL);
        for (uint64_t i = 0; i < n_blocks; i++) {
                FixtureBlock block;
                Record record;

                fixture_block(grid, footer.first_block + i, &block);
                fixture_record(grid, &block, &record);
                record.certainty = i ? CERTAINTY_BPSW : CERTAINTY_PROVED;
                footer_add(&footer, &record, offset, grid->block_length);
                offset += RECORD_HEADER_SIZE + record.packed_size;
                fixture_block_done(&block);
        }
        CHECK(footer_digest(&footer, footer.digest) == 0);
        return footer;
}

static void test_round_trip_and_damage(void) {
        Footer footer, again;
        uint8_t *data;
        size_t size;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        footer = make_footer(&grid, 4, 4);
        size = footer_size(4, STORE_KEEP_FULL);
        data = malloc(size);
        CHECK(data != NULL);
        footer_encode(&footer, data);
        CHECK(footer_decode(data, size, &again) == 0);
        CHECK_EQUAL(again.keep, STORE_KEEP_FULL);
        CHECK_EQUAL(again.first_block, 4);
        CHECK_EQUAL(again.n_blocks, 4);
        CHECK_EQUAL(again.n_proved, 1);
        CHECK_EQUAL(again.n_bpsw, 3);
        CHECK(memcmp(&again.facts, &footer.facts, sizeof footer.facts) == 0);
        CHECK(memcmp(again.entries, footer.entries, 4 * sizeof *footer.entries) == 0);
        CHECK_EQUAL(footer_records_end(&again), footer_records_end(&footer));
        footer_done(&again);
        for (size_t i = 0; i < size; i++) {
                data[i] ^= 4;
                CHECK(footer_decode(data, size, &again) == -EBADMSG);
                data[i] ^= 4;
        }
        for (size_t n = 0; n < size; n++)
                CHECK(footer_decode(data + size - n, n, &again) == -EBADMSG);
        free(data);
        footer_done(&footer);
        grid_done(&grid);
}

/* Right checksum, wrong contents. */
static void test_inconsistent_footers_are_refused(void) {
        enum { INDEX = 224, DIGEST = 192 };
        static const size_t at[] = { 16 /* blocks */, 24 /* kept */, 32 /* count */, 176 /* proved */, 184 /* bpsw */,
                                     DIGEST, INDEX /* count */, INDEX + 4 /* digest */, INDEX + 4 * 16 - 1 };
        Footer footer, again;
        uint8_t *data;
        size_t size;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        footer = make_footer(&grid, 0, 4);
        size = footer_size(4, STORE_KEEP_FULL);
        data = malloc(size);
        CHECK(data != NULL);
        footer_encode(&footer, data);
        for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
                data[at[i]]++;
                put_le64(data + size - 8, checksum_xxh3(data, size - 8));
                CHECK(footer_decode(data, size, &again) == -EBADMSG);
                data[at[i]]--;
        }
        put_le64(data + size - 8, checksum_xxh3(data, size - 8));
        CHECK(footer_decode(data, size, &again) == 0);
        footer_done(&again);
        free(data);
        footer_done(&footer);
        grid_done(&grid);
}

static void test_digest_is_over_block_digests(void) {
        uint8_t index[3 * BLOCK_ENTRY_SIZE], expected[SHA256_SIZE];
        Footer footer;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        footer = make_footer(&grid, 0, 3);
        for (size_t i = 0; i < 3; i++) {
                FixtureBlock block;

                fixture_block(&grid, i, &block);
                put_le32(index + i * BLOCK_ENTRY_SIZE, (uint32_t) block.block.count);
                memcpy(index + i * BLOCK_ENTRY_SIZE + 4, block.block.digest, BLOCK_DIGEST_SIZE);
                fixture_block_done(&block);
        }
        checksum_sha256(index, sizeof index, expected);
        CHECK(memcmp(expected, footer.digest, SHA256_SIZE) == 0);
        footer_done(&footer);
        grid_done(&grid);
}

/* The same footer without the packed sizes: shorter, with the same digest, and as well guarded. */
static void test_digests_only(void) {
        uint8_t data[1024], chain[SHA256_SIZE] = { 1 }, thin_chain[SHA256_SIZE] = { 1 };
        Footer full, thin;
        size_t size;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        full = make_footer(&grid, 8, 3);
        footer_extend_chain(&full, chain);
        full.keep = STORE_KEEP_DIGEST;
        size = footer_size(3, STORE_KEEP_DIGEST);
        CHECK_EQUAL(size + 3 * 4, footer_size(3, STORE_KEEP_FULL));
        footer_encode(&full, data);
        CHECK(footer_decode(data, size, &thin) == 0);
        CHECK_EQUAL(thin.keep, STORE_KEEP_DIGEST);
        CHECK_EQUAL(footer_records_end(&thin), FILE_HEADER_SIZE);
        CHECK(memcmp(thin.digest, full.digest, SHA256_SIZE) == 0);
        CHECK(thin.entries[1].packed_size == 0 && thin.entries[1].count == full.entries[1].count);
        footer_extend_chain(&thin, thin_chain);
        CHECK(memcmp(chain, thin_chain, SHA256_SIZE) == 0);
        footer_done(&thin);
        for (size_t i = 0; i < 8 * size; i++) {
                data[i / 8] ^= (uint8_t) (1 << i % 8);
                CHECK(footer_decode(data, size, &thin) == -EBADMSG);
                data[i / 8] ^= (uint8_t) (1 << i % 8);
        }
        footer_done(&full);
        grid_done(&grid);
}

static void test_file_must_hold_the_right_blocks(void) {
        const char *folder = fixture_folder(), *name = "000000000004.primes";
        uint8_t *data, digest[SHA256_SIZE];
        FooterPlace place;
        Footer footer;
        char path[512];
        size_t size;
        Grid grid;
        int fd;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        fixture_store(folder, &grid, 4, 12);
        data = fixture_read(folder, "job", &size);
        checksum_sha256(data, size, digest);
        free(data);
        free(fixture_read(folder, name, &size));
        (void) snprintf(path, sizeof path, "%s/%s", folder, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        place = (FooterPlace) { &grid, 4, 4, digest };
        CHECK(footer_read(&disk_system, fd, size, &place, name, &footer, NULL) == 0);
        CHECK_EQUAL(footer.first_block, 4);
        footer_done(&footer);
        CHECK(footer_read(&disk_system, fd, size - 1, &place, name, &footer, NULL) == -EBADMSG);
        place.first_block = 8;
        CHECK(footer_read(&disk_system, fd, size, &place, name, &footer, NULL) == -EBADMSG);
        place.first_block = 4;
        place.segment_blocks = 3; /* a border at 6 */
        CHECK(footer_read(&disk_system, fd, size, &place, name, &footer, NULL) == -EBADMSG);
        place.segment_blocks = 4;
        place.job_digest = job;
        CHECK(footer_read(&disk_system, fd, size, &place, name, &footer, NULL) == -EEXIST);
        (void) fd_close(fd);
        grid_done(&grid);
}

int main(void) {
        RUN(test_round_trip_and_damage);
        RUN(test_inconsistent_footers_are_refused);
        RUN(test_digest_is_over_block_digests);
        RUN(test_digests_only);
        RUN(test_file_must_hold_the_right_blocks);
        return tests_end();
}
