/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The provenance journal. */

#include "store/provenance.h"

#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/interval-set.h"
#include "base/macro.h"
#include "faults/faulty-disk.h"
#include "store/fixture.h"
#include "test.h"

#define COMPACT_SIZE 1000
#define NOON (UINT64_C(500000) * USEC_PER_HOUR)

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
        CHECK(provenance_open(&provenance, folder, COMPACT_SIZE, NULL) == 0);
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
                CHECK(provenance_open(&provenance, folder, COMPACT_SIZE, NULL) == 0);
                CHECK_EQUAL(provenance.file.end, cut - (cut - FILE_HEADER_SIZE) % PROVENANCE_ENTRY_SIZE);
                provenance_close(&provenance);
        }
        memset(data + size - PROVENANCE_ENTRY_SIZE, 0, PROVENANCE_ENTRY_SIZE); /* size kept, bytes lost */
        fixture_write(path, "provenance", data, size);
        CHECK(provenance_open(&provenance, folder, COMPACT_SIZE, NULL) == 0);
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

                CHECK(provenance_open(&provenance, folder, COMPACT_SIZE, NULL) == 0);
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

                CHECK(provenance_open(&provenance, folder, COMPACT_SIZE, NULL) == 0);
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

/* What a journal tells: who did which blocks, in the order of appearance. */
typedef struct Told {
        ProvenanceEntry *entries;
        size_t n_entries;
        size_t size; /* of the file */
} Told;

static Told tell(const char *path) {
        Told told = {};
        uint8_t *data = fixture_read(path, "provenance", &told.size);

        told.n_entries = (told.size - FILE_HEADER_SIZE) / PROVENANCE_ENTRY_SIZE;
        CHECK_EQUAL(told.size, FILE_HEADER_SIZE + told.n_entries * PROVENANCE_ENTRY_SIZE);
        told.entries = calloc(told.n_entries + 1, sizeof *told.entries);
        CHECK(told.entries != NULL);
        for (size_t i = 0; i < told.n_entries; i++)
                CHECK(provenance_decode(data + FILE_HEADER_SIZE + i * PROVENANCE_ENTRY_SIZE, told.entries + i) == 0);
        free(data);
        return told;
}

static void put(Provenance *provenance, uint64_t first, uint64_t end, uint8_t worker, usec_t usec) {
        ProvenanceEntry entry = { .first = first, .end = end, .worker_id = { worker }, .realtime_usec = usec,
                                  .worker_name = "w", .check = "shape" };

        CHECK(provenance_append(provenance, &entry, NULL) == 0);
}

static void check_entry(const Told *told, size_t i, uint64_t first, uint64_t end, uint8_t worker, usec_t usec) {
        CHECK(i < told->n_entries);
        CHECK_EQUAL(told->entries[i].first, first);
        CHECK_EQUAL(told->entries[i].end, end);
        CHECK_EQUAL(told->entries[i].worker_id[0], worker);
        CHECK_EQUAL(told->entries[i].realtime_usec, usec);
        CHECK_STRING(told->entries[i].worker_name, "w");
        CHECK_STRING(told->entries[i].check, "shape");
}

/* What is merged, and with what. */
static void test_neighbours_become_one(void) {
        const char *path = fixture_folder();
        Folder *folder = fixture_open_folder(path);
        ProvenanceEntry other = { .first = 4, .end = 9, .worker_id = { 1 }, .realtime_usec = NOON, .worker_name = "w",
                                  .check = "none" };
        Provenance provenance;
        Told told;

        CHECK(provenance_open(&provenance, folder, FILE_HEADER_SIZE + 10 * PROVENANCE_ENTRY_SIZE, NULL) == 0);
        CHECK(provenance_compact(&provenance, NULL) == 0 && !fixture_exists(path, "provenance"));
        put(&provenance, 20, 30, 2, NOON + 1);
        put(&provenance, 0, 3, 1, NOON + 9);                  /* with the sixth and seventh */
        CHECK(provenance_append(&provenance, &other, NULL) == 0); /* another check */
        put(&provenance, 12, 14, 1, NOON + 2);                /* a gap on both sides */
        put(&provenance, 3, 4, 1, NOON - 1);                  /* the hour before */
        put(&provenance, 4, 6, 1, NOON + 3);
        put(&provenance, 3, 4, 1, NOON + 4);                  /* closes the gap */
        put(&provenance, 31, 32, 2, NOON + 5);
        put(&provenance, 25, 27, 2, NOON + 6);                /* inside of the first */
        put(&provenance, 6, 7, 2, NOON + 7);                  /* another worker */
        CHECK(provenance_sync(&provenance, NULL) == 0);
        CHECK(provenance_compact(&provenance, NULL) == 0);    /* small enough */
        told = tell(path);
        CHECK_EQUAL(told.n_entries, 10);
        free(told.entries);
        put(&provenance, 30, 31, 2, NOON + USEC_PER_HOUR - 1);
        put(&provenance, 18, 20, 2, NOON + 8);                /* stands last, but before the first by its numbers */
        CHECK(provenance_sync(&provenance, NULL) == 0);
        CHECK(provenance_compact(&provenance, NULL) == 0);
        told = tell(path);
        CHECK_EQUAL(told.n_entries, 6);
        check_entry(&told, 0, 18, 32, 2, NOON + USEC_PER_HOUR - 1);
        check_entry(&told, 1, 0, 6, 1, NOON + 9);
        CHECK_STRING(told.entries[2].check, "none");
        check_entry(&told, 3, 12, 14, 1, NOON + 2);
        check_entry(&told, 4, 3, 4, 1, NOON - 1);
        check_entry(&told, 5, 6, 7, 2, NOON + 7);
        free(told.entries);

        /* The new file is the one that grows from now on. */
        put(&provenance, 100, 101, 3, NOON);
        CHECK(provenance_sync(&provenance, NULL) == 0);
        told = tell(path);
        CHECK_EQUAL(told.n_entries, 7);
        CHECK_EQUAL(told.entries[6].first, 100);
        free(told.entries);
        provenance_close(&provenance);
        folder_close(folder);
        CHECK_EQUAL(fixture_count(path, ".new"), 0);
}

static void test_nothing_to_gain_is_left(void) {
        const char *path = fixture_folder();
        Folder *folder = fixture_open_folder(path);
        FaultyDisk faulty;
        Provenance provenance;
        uint64_t n_calls;

        faulty_disk_init(&faulty, -EIO, 0, 0);
        folder->disk = &faulty.disk;
        CHECK(provenance_open(&provenance, folder, COMPACT_SIZE, NULL) == 0);
        for (uint64_t i = 0; i < 100; i++) {
                put(&provenance, 2 * i, 2 * i + 1, 1, NOON);
                n_calls = faulty.n_calls;
                CHECK(provenance_compact(&provenance, NULL) == 0);
                CHECK_EQUAL(faulty.n_calls, n_calls);
        }
        CHECK_EQUAL(provenance.file.end, FILE_HEADER_SIZE + 100 * PROVENANCE_ENTRY_SIZE);
        provenance_close(&provenance);
        folder_close(folder);
}

/* Damage in the middle goes, the rest is as it was told. */
static void test_damage_is_not_taken_over(void) {
        const char *path = fixture_folder();
        Folder *folder = fixture_open_folder(path);
        Provenance provenance;
        Told told;

        CHECK(provenance_open(&provenance, folder, COMPACT_SIZE, NULL) == 0);
        for (uint64_t i = 0; i < 30; i++)
                put(&provenance, i, i + 1, 1, NOON + i);
        CHECK(pwrite(provenance.file.fd, "spoiled", 7, FILE_HEADER_SIZE + 10 * PROVENANCE_ENTRY_SIZE) == 7);
        CHECK(provenance_compact(&provenance, NULL) == 0);
        told = tell(path);
        CHECK_EQUAL(told.n_entries, 2);
        check_entry(&told, 0, 0, 10, 1, NOON + 9);
        check_entry(&told, 1, 11, 30, 1, NOON + 29);
        free(told.entries);
        provenance_close(&provenance);
        folder_close(folder);
}

enum { N_LANES = 8, N_WORKERS = 2, N_APPENDS = 100000, LEASE = 32 };

/* As a master does it: lanes take leases of a common stock, and are done with some blocks of theirs at each commit. */
static void test_size_is_bounded(void) {
        const char *path = fixture_folder();
        Folder *folder = fixture_open_folder(path);
        uint64_t first[N_LANES] = {}, end[N_LANES] = {}, frontier = 0, bytes = 0, largest = 0, n_compactions = 0, size;
        IntervalSet blocks[N_WORKERS] = {}, found[N_WORKERS] = {};
        Provenance provenance;
        FaultyDisk faulty; /* without fault: quick, for it does not sync */
        Random random;
        Told told;

        faulty_disk_init(&faulty, -EIO, 0, 0);
        folder->disk = &faulty.disk;
        random_init(&random, fixture_seed());
        CHECK(provenance_open(&provenance, folder, STORE_JOURNAL_SIZE_DEFAULT, NULL) == 0);
        for (uint64_t i = 0; i < N_APPENDS; i++) {
                size_t lane = (size_t) random_below(&random, N_LANES), worker = lane % N_WORKERS;
                uint64_t n;

                if (first[lane] == end[lane]) {
                        first[lane] = frontier;
                        frontier = end[lane] = frontier + LEASE;
                }
                n = MIN(end[lane] - first[lane], 1 + random_below(&random, 3));
                put(&provenance, first[lane], first[lane] + n, (uint8_t) (worker + 1), NOON + i * USEC_PER_SEC / 10);
                CHECK(interval_set_add(&blocks[worker], first[lane], first[lane] + n) == 0);
                first[lane] += n;
                largest = MAX(largest, provenance.file.end);
                size = provenance.file.end;
                CHECK(provenance_compact(&provenance, NULL) == 0);
                if (provenance.file.end != size) {
                        n_compactions++;
                        bytes += size + provenance.file.end;
                }
        }
        provenance_close(&provenance);
        told = tell(path);
        printf("# %d entries: at most %" PRIu64 " bytes, %zu at the end; %" PRIu64 " compactions of %" PRIu64
               " bytes\n", N_APPENDS, largest, told.size, n_compactions, bytes);
        CHECK(n_compactions > 3);
        CHECK(largest < (uint64_t) N_APPENDS * PROVENANCE_ENTRY_SIZE / 8);
        CHECK(bytes < 4 * (uint64_t) N_APPENDS * PROVENANCE_ENTRY_SIZE); /* the effort for one entry is bounded, too */

        for (size_t i = 0; i < told.n_entries; i++)
                CHECK(interval_set_add(&found[told.entries[i].worker_id[0] - 1], told.entries[i].first,
                                       told.entries[i].end) == 0);
        for (size_t i = 0; i < N_WORKERS; i++) {
                CHECK_EQUAL(found[i].n_members, blocks[i].n_members);
                CHECK_EQUAL(found[i].n_intervals, blocks[i].n_intervals);
                CHECK(memcmp(found[i].intervals, blocks[i].intervals,
                             found[i].n_intervals * sizeof *found[i].intervals) == 0);
                interval_set_done(&found[i]);
                interval_set_done(&blocks[i]);
        }
        free(told.entries);
        folder_close(folder);
}

/* Call `n` of a compaction fails: the old or the new file is there, and tells the same. False: no call failed. */
static bool fail_call(int error, uint64_t n) {
        const char *path = fixture_folder();
        Folder *folder = fixture_open_folder(path);
        Problem problem = PROBLEM_NONE;
        Provenance provenance;
        FaultyDisk faulty;
        uint64_t end = 0;
        bool failed;
        Told told;
        int r;

        CHECK(provenance_open(&provenance, folder, COMPACT_SIZE, NULL) == 0);
        for (uint64_t i = 0; i < 12; i++)
                put(&provenance, i, i + 1, 1, NOON);
        CHECK(provenance_sync(&provenance, NULL) == 0);
        faulty_disk_init(&faulty, error, n, n + 1);
        faulty.torn = true;
        faulty.writes_only = error == -ENOSPC;
        folder->disk = &faulty.disk;
        r = provenance_compact(&provenance, &problem);
        failed = faulty.n_failed > 0;
        faulty.fail_end = 0;
        CHECK_EQUAL(r, failed && error != -ENOSPC ? error : 0);
        CHECK((r < 0) == (problem.text[0] != '\0') && (r < 0) == (folder->failed < 0));
        if (r >= 0) { /* it goes on with whichever it has */
                put(&provenance, 12, 13, 1, NOON);
                CHECK(provenance_sync(&provenance, NULL) == 0);
        }
        provenance_close(&provenance);
        folder_close(folder);
        CHECK_EQUAL(faulty.n_syncs_after_failure, 0);

        told = tell(path);
        for (size_t i = 0; i < told.n_entries; i++) {
                CHECK_EQUAL(told.entries[i].first, end);
                end = told.entries[i].end;
        }
        CHECK_EQUAL(end, r >= 0 ? 13 : 12);
        free(told.entries);
        fixture_discard(path);
        return failed;
}

static void test_each_call_of_a_compaction_fails(void) {
        uint64_t n = 1;

        while (fail_call(-EIO, n))
                n++;
        CHECK(n > 4); /* open, write, sync, rename, sync of the folder */
        for (n = 1; fail_call(-ENOSPC, n); n++)
                ;
        CHECK(n > 1);
}

/* A power cut while the new file is written: it means nothing, and the old one is compacted again. */
static void test_unfinished_file_is_harmless(void) {
        const char *path = fixture_folder();
        Folder *folder = fixture_open_folder(path);
        Provenance provenance;
        Told told;

        CHECK(provenance_open(&provenance, folder, COMPACT_SIZE, NULL) == 0);
        for (uint64_t i = 0; i < 12; i++)
                put(&provenance, i, i + 1, 1, NOON);
        provenance_close(&provenance);
        fixture_write(path, "provenance.new", "half", 4);
        CHECK(provenance_open(&provenance, folder, COMPACT_SIZE, NULL) == 0);
        CHECK(provenance_compact(&provenance, NULL) == 0);
        provenance_close(&provenance);
        told = tell(path);
        CHECK_EQUAL(told.n_entries, 1);
        check_entry(&told, 0, 0, 12, 1, NOON);
        free(told.entries);
        folder_close(folder);
}

int main(void) {
        RUN(test_round_trip);
        RUN(test_torn_tail_is_cut);
        RUN(test_hole_is_closed);
        RUN(test_neighbours_become_one);
        RUN(test_nothing_to_gain_is_left);
        RUN(test_damage_is_not_taken_over);
        RUN(test_size_is_bounded);
        RUN(test_each_call_of_a_compaction_fails);
        RUN(test_unfinished_file_is_harmless);
        return tests_end();
}
