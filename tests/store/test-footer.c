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

static Footer make_footer(const Grid *grid, uint64_t number, uint64_t n_blocks) {
        Footer footer = { .number = number, .first_block = number * n_blocks };
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
        footer_digest(&footer, footer.digest);
        return footer;
}

static void test_round_trip_and_damage(void) {
        Footer footer, again;
        uint8_t *data;
        size_t size;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        footer = make_footer(&grid, 1, 4);
        size = footer_size(4);
        data = malloc(size);
        CHECK(data != NULL);
        footer_encode(&footer, data);
        CHECK(footer_decode(data, size, &again) == 0);
        CHECK_EQUAL(again.number, 1);
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
        static const size_t at[] = { 32 /* count */, 176 /* proved */, 184 /* bpsw */, DIGEST, INDEX /* offset */,
                                     INDEX + 8 /* size */, INDEX + 12 /* count */, INDEX + 16 /* digest */ };
        Footer footer, again;
        uint8_t *data;
        size_t size;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        footer = make_footer(&grid, 0, 4);
        size = footer_size(4);
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
        uint8_t digests[3 * SHA256_SIZE], expected[SHA256_SIZE];
        Footer footer;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        footer = make_footer(&grid, 0, 3);
        for (size_t i = 0; i < 3; i++)
                memcpy(digests + i * SHA256_SIZE, footer.entries[i].digest, SHA256_SIZE);
        checksum_sha256(digests, sizeof digests, expected);
        CHECK(memcmp(expected, footer.digest, SHA256_SIZE) == 0);
        footer_done(&footer);
        grid_done(&grid);
}

static void test_file_must_hold_the_right_blocks(void) {
        const char *folder = fixture_folder(), *name = "000000000001.primes";
        uint8_t *data, digest[SHA256_SIZE];
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
        CHECK(footer_read(&disk_system, fd, size, &grid, 4, 1, digest, name, &footer, NULL) == 0);
        CHECK_EQUAL(footer.first_block, 4);
        footer_done(&footer);
        CHECK(footer_read(&disk_system, fd, size, &grid, 4, 2, digest, name, &footer, NULL) == -EBADMSG);
        CHECK(footer_read(&disk_system, fd, size, &grid, 5, 1, digest, name, &footer, NULL) == -EBADMSG);
        CHECK(footer_read(&disk_system, fd, size - 1, &grid, 4, 1, digest, name, &footer, NULL) == -EBADMSG);
        CHECK(footer_read(&disk_system, fd, size, &grid, 4, 1, job, name, &footer, NULL) == -EEXIST);
        (void) fd_close(fd);
        grid_done(&grid);
}

int main(void) {
        RUN(test_round_trip_and_damage);
        RUN(test_inconsistent_footers_are_refused);
        RUN(test_digest_is_over_block_digests);
        RUN(test_file_must_hold_the_right_blocks);
        return tests_end();
}
