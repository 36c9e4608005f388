/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Repair: what is damaged is put aside, nothing else is touched, and what was in it is found again. */

#include "store/repair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "store/fixture.h"
#include "store/manifest.h"
#include "test.h"

enum { N_BLOCKS = 22, SEGMENT_BLOCKS = 4 };

static Grid grid;

static void flip(const char *folder, const char *name, size_t at) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;

        data = fixture_read(folder, name, &size);
        CHECK(at < size);
        data[at] ^= 0x20;
        fixture_write(folder, name, data, size);
}

/* Sealed [0, 16), open [16, 18), and block 20 in the spool. */
static const char *make_store(void) {
        const StoreProvenance provenance = { .first = 0, .end = 4, .worker_name = "w", .check = "unaudited" };
        const char *folder = fixture_folder();
        Store *store;

        fixture_store(folder, &grid, SEGMENT_BLOCKS, 18);
        store = fixture_open(folder, &grid, SEGMENT_BLOCKS);
        CHECK(fixture_put(store, &grid, 20) == 0);
        CHECK(store_put_provenance(store, &provenance, NULL) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        return folder;
}

static int repair(const char *folder, RepairReport *report) {
        Problem problem = PROBLEM_NONE;
        int r = repair_store(folder, &(RepairOptions) {}, report, &problem);

        if (r < 0)
                printf("# %s\n", problem.text);
        CHECK((r < 0) == (problem.text[0] != '\0'));
        return r;
}

/* Everything that is missing is put again; then the store is one that nothing happened to. */
static void finish(const char *folder) {
        const char *finished = fixture_folder();
        VerifyReport report;
        VerifyFault fault;
        Store *store;

        CHECK(verify_store(folder, NULL, &report, &fault, NULL) == 0);
        store = fixture_open(folder, &grid, SEGMENT_BLOCKS);
        for (uint64_t i = 0; i < N_BLOCKS; i++) {
                int r = fixture_put(store, &grid, i);

                CHECK(r == 0 || r == -EALREADY);
        }
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        fixture_store(finished, &grid, SEGMENT_BLOCKS, N_BLOCKS);
        CHECK(fixture_same(finished, folder));
        CHECK(verify_store(folder, NULL, &report, &fault, NULL) == 0);
        CHECK(report.complete);
}

static void test_nothing_to_repair(void) {
        const char *folder = make_store();
        RepairReport report;

        CHECK(repair(folder, &report) == 0);
        CHECK_EQUAL(report.n_faults, 0);
        CHECK_EQUAL(report.n_quarantined, 0);
        CHECK_EQUAL(report.n_present, 19);
        CHECK_EQUAL(fixture_count(folder, ".corrupt"), 0);
        finish(folder);
}

static void test_segments_become_holes(void) {
        const char *folder = make_store();
        _cleanup_free_ uint8_t *kept = NULL, *aside = NULL;
        RepairReport report;
        size_t n_kept, n_aside;
        Store *store;

        flip(folder, "000000000004.primes", FILE_HEADER_SIZE + RECORD_HEADER_SIZE + 1); /* a bitmap */
        flip(folder, "000000000012.primes", 3);                                         /* the first bytes */
        kept = fixture_read(folder, "000000000004.primes", &n_kept);
        CHECK(repair(folder, &report) == 0);
        CHECK_EQUAL(report.n_faults, 2);
        CHECK_EQUAL(report.n_quarantined, 2);
        CHECK_EQUAL(report.n_present, 11);
        CHECK_EQUAL(report.n_hole_blocks, 10);
        aside = fixture_read(folder, "000000000004.primes.corrupt", &n_aside);
        CHECK(n_kept == n_aside && memcmp(kept, aside, n_kept) == 0);
        CHECK(!fixture_exists(folder, "000000000004.primes"));
        CHECK(fixture_exists(folder, "000000000012.primes.corrupt"));

        /* the hole is found, and comes first */
        store = fixture_open(folder, &grid, SEGMENT_BLOCKS);
        CHECK_EQUAL(store_frontier(store), 4);
        store_close(store);
        finish(folder);
        CHECK(fixture_exists(folder, "000000000004.primes.corrupt")); /* still there, and in nobody's way */

        /* damaged once more: the second gets another name */
        flip(folder, "000000000004.primes", 200);
        CHECK(repair(folder, &report) == 0);
        CHECK(fixture_exists(folder, "000000000004.primes.corrupt-2"));
        finish(folder);
}

static void test_other_files(void) {
        static const struct {
                const char *name;
                size_t at;
                bool aside; /* or a start passes over what is damaged, and keeps the rest */
                uint64_t n_present;
        } cases[] = {
                { "manifest", 100, true, 19 },
                { "provenance", FILE_HEADER_SIZE + 9, true, 19 },
                { "000000000016.open", FILE_HEADER_SIZE + 20, false, 18 },
                { "000000000016.open", 12, true, 17 },
                { "spool-00000000", FILE_HEADER_SIZE + RECORD_HEADER_SIZE, false, 18 },
                { "spool-00000000", 30, true, 18 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *folder = make_store();
                RepairReport report;
                char aside[LAYOUT_NAME_SIZE];

                flip(folder, cases[i].name, cases[i].at);
                CHECK(repair(folder, &report) == 0);
                CHECK_EQUAL(report.n_faults, 1);
                CHECK_EQUAL(report.n_quarantined, cases[i].aside);
                CHECK_EQUAL(report.n_present, cases[i].n_present);
                CHECK(report.n_passed_over <= !cases[i].aside);
                CHECK(layout_quarantine_name(cases[i].name, 1, aside));
                CHECK_EQUAL(fixture_exists(folder, aside), cases[i].aside);
                finish(folder);
        }
}

static void test_lost_segment_is_a_hole(void) {
        const char *folder = make_store();
        RepairReport report;

        fixture_remove(folder, "000000000008.primes");
        CHECK(repair(folder, &report) == 0);
        CHECK_EQUAL(report.n_faults, 1);
        CHECK_EQUAL(report.n_quarantined, 0);
        CHECK_EQUAL(report.n_present, 15);
        finish(folder);
}

/* A complete store without its manifest: there is nothing to put aside, and it is made anew. */
static void test_lost_manifest_is_made_anew(void) {
        const char *folder = fixture_folder();
        RepairReport report;

        fixture_store(folder, &grid, SEGMENT_BLOCKS, N_BLOCKS);
        fixture_remove(folder, "manifest");
        CHECK(repair(folder, &report) == 0);
        CHECK_EQUAL(report.n_faults, 1);
        CHECK_EQUAL(report.n_quarantined, 0);
        CHECK(fixture_exists(folder, "manifest"));
        finish(folder);
}

/* Something else under the name of each kind of file: a directory, a symbolic link, a manifest larger than any. */
static void test_no_regular_files(void) {
        static const char *const names[] = { "manifest", "provenance", "spool-00000000", "000000000016.open",
                                             "000000000004.primes" };

        for (size_t i = 0; i < 3 * ELEMENTSOF(names); i++) {
                const char *folder = make_store(), *name = names[i / 3];
                char path[512], aside[LAYOUT_NAME_SIZE];
                Problem problem = PROBLEM_NONE;
                RepairReport report;
                struct stat st;
                Store *store;

                if (i % 3 == 2 && i > 2)
                        continue;
                (void) snprintf(path, sizeof path, "%s/%s", folder, name);
                CHECK(i % 3 == 2 || unlink(path) == 0 || errno == ENOENT);
                CHECK((i % 3 == 0   ? mkdir(path, 0700)
                       : i % 3 == 1 ? symlink(name, path)
                                    : truncate(path, 2 * (off_t) MANIFEST_SIZE_MAX)) == 0);
                CHECK(fixture_try_open(&disk_system, folder, &grid, SEGMENT_BLOCKS, &store, &problem) == -EBADMSG);
                CHECK(strstr(problem.text, name) != NULL && strstr(problem.text, "start the job again") != NULL);
                CHECK(repair(folder, &report) == 0);
                CHECK_EQUAL(report.n_faults, 1);
                CHECK_EQUAL(report.n_quarantined, 1);
                CHECK(layout_quarantine_name(name, 1, aside));
                (void) snprintf(path, sizeof path, "%s/%s", folder, aside);
                CHECK(lstat(path, &st) == 0);
                finish(folder);
        }
}

static void test_refusals(void) {
        const char *folder = make_store(), *empty = fixture_folder();
        Problem problem = PROBLEM_NONE;
        RepairReport report;
        char path[512];
        Store *store;

        store = fixture_open(folder, &grid, SEGMENT_BLOCKS);
        CHECK(repair(folder, &report) == -EBUSY);
        store_close(store);

        CHECK(repair_store(empty, &(RepairOptions) {}, &report, &problem) == -ENOENT);
        CHECK_EQUAL(fixture_count(empty, ""), 2); /* itself and its parent */
        (void) snprintf(path, sizeof path, "%s/nothing", empty);
        CHECK(repair(path, &report) == -ENOENT);
        CHECK(!fixture_exists(empty, "nothing"));

        flip(folder, "job", 150);
        CHECK(repair(folder, &report) == -EBADMSG);
        CHECK_EQUAL(fixture_count(folder, ".corrupt"), 0);
}

int main(void) {
        fixture_grid(&grid, FIXTURE_FROM, N_BLOCKS);
        RUN(test_nothing_to_repair);
        RUN(test_segments_become_holes);
        RUN(test_other_files);
        RUN(test_lost_segment_is_a_hole);
        RUN(test_lost_manifest_is_made_anew);
        RUN(test_no_regular_files);
        RUN(test_refusals);
        grid_done(&grid);
        return tests_end();
}
