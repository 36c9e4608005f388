/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The provenance journal. */

#include "store/provenance.h"

#include <errno.h>

#include "base/bytes.h"
#include "store/fixture.h"
#include "test.h"

static ProvenanceEntry make_entry(uint64_t first) {
        ProvenanceEntry entry = { .first = first, .end = first + 3, .worker_id = { 1, 2 }, .realtime_usec = 77,
                                  .worker_name = "büro", .check = "unaudited" };

        return entry;
}

static void test_round_trip(void) {
        uint8_t data[PROVENANCE_ENTRY_SIZE];
        ProvenanceEntry entry = make_entry(5), again;

        provenance_encode(&entry, data);
        CHECK(provenance_decode(data, &again) == 0);
        CHECK(again.first == 5 && again.end == 8 && again.realtime_usec == 77);
        CHECK(memcmp(again.worker_id, entry.worker_id, SHA256_SIZE) == 0);
        CHECK_STRING(again.worker_name, "büro");
        CHECK_STRING(again.check, "unaudited");

        /* names that fill their place have no NUL in the file */
        memset(entry.worker_name, 'n', PROVENANCE_NAME_SIZE);
        memset(entry.check, 'c', PROVENANCE_CHECK_SIZE);
        provenance_encode(&entry, data);
        CHECK(provenance_decode(data, &again) == 0);
        CHECK_EQUAL(strlen(again.worker_name), PROVENANCE_NAME_SIZE);
        CHECK_EQUAL(strlen(again.check), PROVENANCE_CHECK_SIZE);
        for (size_t i = 0; i < sizeof data; i++) {
                data[i] ^= 1;
                CHECK(provenance_decode(data, &again) == -EBADMSG);
                data[i] ^= 1;
        }

        /* something behind the end of a text, under a right checksum */
        entry = make_entry(5);
        provenance_encode(&entry, data);
        data[56 + PROVENANCE_NAME_SIZE - 1] = 'x';
        put_le64(data + 152, checksum_xxh3(data, 152));
        CHECK(provenance_decode(data, &again) == -EBADMSG);

        entry.end = entry.first; /* nobody computes nothing */
        provenance_encode(&entry, data);
        CHECK(provenance_decode(data, &again) == -EBADMSG);
}

static void test_torn_tail_is_cut(void) {
        const char *path = fixture_folder();
        Provenance provenance;
        ProvenanceEntry entry;
        uint8_t *data;
        Folder *folder;
        size_t size;

        CHECK(folder_open(&disk_system, path, &folder, NULL) == 0);
        CHECK(provenance_open(&provenance, folder, NULL) == 0);
        CHECK(!fixture_exists(path, "provenance"));
        for (uint64_t i = 0; i < 4; i++) {
                entry = make_entry(i);
                CHECK(provenance_append(&provenance, &entry, NULL) == 0);
        }
        CHECK(provenance_sync(&provenance, NULL) == 0);
        provenance_close(&provenance);
        data = fixture_read(path, "provenance", &size);
        for (size_t cut = FILE_HEADER_SIZE; cut <= size; cut++) {
                fixture_write(path, "provenance", data, cut);
                CHECK(provenance_open(&provenance, folder, NULL) == 0);
                CHECK_EQUAL(provenance.file.end, cut - (cut - FILE_HEADER_SIZE) % PROVENANCE_ENTRY_SIZE);
                provenance_close(&provenance);
        }
        memset(data + size - PROVENANCE_ENTRY_SIZE, 0, PROVENANCE_ENTRY_SIZE); /* size kept, bytes lost */
        fixture_write(path, "provenance", data, size);
        CHECK(provenance_open(&provenance, folder, NULL) == 0);
        CHECK_EQUAL(provenance.file.end, size - PROVENANCE_ENTRY_SIZE);
        provenance_close(&provenance);
        free(data);
        folder_close(folder);
}

/* Entries that were not synced may be lost in any order. */
static void test_hole_is_closed(void) {
        for (unsigned lost = 0; lost < 1U << 5; lost++) {
                const char *path = fixture_folder();
                Folder *folder = fixture_open_folder(path);
                Provenance provenance;
                uint64_t n_left = 0;
                uint8_t *data;
                size_t size;

                CHECK(provenance_open(&provenance, folder, NULL) == 0);
                for (uint64_t i = 0; i < 5; i++) {
                        ProvenanceEntry entry = make_entry(i);

                        CHECK(provenance_append(&provenance, &entry, NULL) == 0);
                }
                provenance_close(&provenance);
                data = fixture_read(path, "provenance", &size);
                for (unsigned i = 0; i < 5; i++)
                        if (lost >> i & 1)
                                memset(data + FILE_HEADER_SIZE + (size_t) i * PROVENANCE_ENTRY_SIZE, 0, 100);
                fixture_write(path, "provenance", data, size);
                free(data);

                CHECK(provenance_open(&provenance, folder, NULL) == 0);
                CHECK(provenance_sync(&provenance, NULL) == 0);
                provenance_close(&provenance);
                data = fixture_read(path, "provenance", &size);
                for (unsigned i = 0; i < 5; i++) {
                        ProvenanceEntry entry;

                        if (lost >> i & 1)
                                continue;
                        CHECK(provenance_decode(data + FILE_HEADER_SIZE + n_left * PROVENANCE_ENTRY_SIZE, &entry) == 0);
                        CHECK_EQUAL(entry.first, i);
                        n_left++;
                }
                CHECK_EQUAL(size, FILE_HEADER_SIZE + n_left * PROVENANCE_ENTRY_SIZE);
                free(data);
                folder_close(folder);
                fixture_discard(path);
        }
}

int main(void) {
        RUN(test_round_trip);
        RUN(test_torn_tail_is_cut);
        RUN(test_hole_is_closed);
        return tests_end();
}
