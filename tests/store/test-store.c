/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The store as a whole: order, durability, identity, recovery of what a crash or a person left. */

#include "store/store.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "store/fixture.h"
#include "store/layout.h"
#include "store/reader.h"
#include "store/record.h"
#include "test.h"

static void test_blocks_in_order_become_segments(void) {
        const char *folder = fixture_folder();
        IntervalSet durable = INTERVAL_SET_EMPTY;
        uint64_t n_primes = 0;
        StoreTotals totals;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 10);
        store = fixture_open(folder, &grid, 4);
        for (uint64_t i = 0; i < 10; i++) {
                FixtureBlock block;

                fixture_block(&grid, i, &block);
                n_primes += block.block.count;
                CHECK(store_has_digest(store, i, block.block.digest) == -ENOENT);
                CHECK(store_put(store, &block.block, NULL) == 0);
                CHECK(store_put(store, &block.block, NULL) == -EALREADY);
                CHECK(store_frontier(store) == i + 1);
                fixture_block_done(&block);
        }
        CHECK(fixture_put(store, &grid, 9) == -EALREADY);
        CHECK(store_commit(store, &durable, NULL) == 0);
        CHECK(durable.n_intervals == 1 && durable.intervals[0].first == 0 && durable.intervals[0].end == 10);
        store_totals(store, &totals);
        CHECK_EQUAL(totals.n_blocks, 10);
        CHECK_EQUAL(totals.n_primes, n_primes);
        CHECK_EQUAL(totals.n_segments, 3);
        CHECK_EQUAL(totals.spool_blocks, 0);
        CHECK_EQUAL(fixture_count(folder, ".primes"), 3);
        CHECK_EQUAL(fixture_count(folder, ".open"), 0);

        for (uint64_t i = 0; i < 10; i++) {
                FixtureBlock block;

                fixture_block(&grid, i, &block);
                CHECK(store_has_digest(store, i, block.block.digest) == 1);
                block.block.digest[3] ^= 1;
                CHECK(store_has_digest(store, i, block.block.digest) == 0);
                fixture_block_done(&block);
        }
        store_close(store);
        interval_set_done(&durable);
        grid_done(&grid);
}

static void test_blocks_that_are_wrong_are_refused(void) {
        const char *folder = fixture_folder();
        Problem problem = PROBLEM_NONE;
        FixtureBlock block;
        StoreBlock wrong;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 4);
        store = fixture_open(folder, &grid, 4);
        fixture_block(&grid, 0, &block);

        wrong = block.block;
        wrong.sequence = 4;
        CHECK(store_put(store, &wrong, &problem) == -ERANGE);
        CHECK(problem.text[0] != '\0');
        wrong = block.block;
        wrong.count++;
        CHECK(store_put(store, &wrong, NULL) == -EBADMSG);
        wrong = block.block;
        wrong.digest[7] ^= 1;
        CHECK(store_put(store, &wrong, NULL) == -EBADMSG);
        wrong = block.block;
        wrong.sequence = 1; /* has bits where this block has none: the same packed bytes, another digest would do */
        wrong.packed_size--;
        CHECK(store_put(store, &wrong, NULL) == -EBADMSG);
        wrong = block.block;
        wrong.codec = _PACK_CODEC_MAX;
        CHECK(store_put(store, &wrong, NULL) == -EBADMSG);
        wrong = block.block;
        wrong.certainty = 0;
        CHECK(store_put(store, &wrong, NULL) == -EBADMSG);
        fixture_block_done(&block);

        /* Block 1 is whole, block 0 is cut: primes in front of the job's first number. */
        fixture_block(&grid, 1, &block);
        wrong = block.block;
        wrong.sequence = 0;
        CHECK(store_put(store, &wrong, NULL) == -EBADMSG);
        fixture_block_done(&block);

        CHECK_EQUAL(store_frontier(store), 0);
        CHECK(fixture_put(store, &grid, 0) == 0);
        store_close(store);
        grid_done(&grid);
}

/* The claim on which everything rests: who did what in which order cannot be seen in the segments. */
static void test_order_leaves_no_trace(void) {
        enum { N = 60 };
        const char *straight = fixture_folder();
        Random random;
        Grid grid;

        random_init(&random, fixture_seed());
        fixture_grid(&grid, FIXTURE_FROM, N);
        fixture_store(straight, &grid, 8, N);
        for (unsigned round = 0; round < 20; round++) {
                const char *folder = fixture_folder();
                Store *store = fixture_open(folder, &grid, 8);
                IntervalSet durable = INTERVAL_SET_EMPTY;
                uint64_t order[N], n_put = 0;

                for (uint64_t i = 0; i < N; i++)
                        order[i] = i;
                fixture_shuffle(order, N, &random);
                while (n_put < N) {
                        CHECK(fixture_put(store, &grid, order[n_put++]) == 0);
                        if (random_below(&random, 5) == 0) {
                                CHECK(store_commit(store, &durable, NULL) == 0);
                                CHECK_EQUAL(durable.n_members, n_put);
                        }
                        if (random_below(&random, 10) == 0) {
                                CHECK(store_commit(store, &durable, NULL) == 0);
                                store_close(store);
                                store = fixture_open(folder, &grid, 1 + random_below(&random, 30));
                                CHECK_EQUAL(store_segment_blocks(store), 8);
                                CHECK_EQUAL(store_present(store)->n_members, n_put);
                        }
                }
                CHECK(store_commit(store, &durable, NULL) == 0);
                CHECK_EQUAL(store_frontier(store), N);
                store_close(store);
                CHECK(fixture_same(straight, folder));
                CHECK_EQUAL(fixture_count(folder, "spool"), 0);
                interval_set_done(&durable);
        }
        grid_done(&grid);
}

static void test_spool_counts_and_goes(void) {
        const char *folder = fixture_folder();
        StoreTotals totals;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 0);
        store = fixture_open(folder, &grid, 4);
        for (uint64_t i = 20; i > 0; i--)
                CHECK(fixture_put(store, &grid, i) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_totals(store, &totals);
        CHECK_EQUAL(store_frontier(store), 0);
        CHECK_EQUAL(totals.spool_blocks, 20);
        CHECK(totals.spool_bytes > 0 && totals.spool_primes > 0);
        CHECK_EQUAL(fixture_count(folder, "spool-"), 1);
        CHECK(fixture_put(store, &grid, 7) == -EALREADY);

        CHECK(fixture_put(store, &grid, 0) == 0);
        CHECK_EQUAL(store_frontier(store), 21);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_totals(store, &totals);
        CHECK_EQUAL(totals.n_segments, 5);
        CHECK_EQUAL(totals.spool_blocks, 0);
        CHECK_EQUAL(totals.spool_bytes, 0);
        CHECK_EQUAL(fixture_count(folder, "spool-"), 0);
        store_close(store);
        grid_done(&grid);
}

/* A crash can tear the tail anywhere: every length of the file must be survived, and lose only what was torn. */
static void test_open_segment_torn_at_every_byte(void) {
        const char *whole = fixture_folder(), *finished = fixture_folder(), *folder = fixture_folder();
        char name[LAYOUT_NAME_SIZE];
        size_t size, last_start;
        FixtureBlock last;
        uint8_t *data;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        fixture_store(whole, &grid, 8, 7);
        fixture_store(finished, &grid, 8, 12);
        layout_open_name(0, name);
        data = fixture_read(whole, name, &size);
        fixture_block(&grid, 6, &last);
        last_start = size - last.block.packed_size - RECORD_HEADER_SIZE;
        fixture_block_done(&last);
        for (size_t cut = last_start; cut <= size; cut++) {
                Store *store;

                fixture_copy(whole, folder);
                fixture_write(folder, name, data, cut);
                store = fixture_open(folder, &grid, 8);
                CHECK_EQUAL(store_frontier(store), cut < size ? 6 : 7);
                for (uint64_t i = store_frontier(store); i < 12; i++)
                        CHECK(fixture_put(store, &grid, i) == 0);
                CHECK(store_commit(store, NULL, NULL) == 0);
                store_close(store);
                CHECK(fixture_same(finished, folder));
                fixture_remove(folder, "000000000000.primes");
                fixture_remove(folder, "000000000008.primes");
                fixture_remove(folder, "manifest");
        }
        free(data);
        grid_done(&grid);
}

static void test_spool_torn_at_every_byte(void) {
        const char *whole = fixture_folder(), *finished = fixture_folder(), *folder = fixture_folder();
        size_t size, last_start;
        FixtureBlock last;
        uint8_t *data;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        fixture_store(finished, &grid, 8, 12);
        store = fixture_open(whole, &grid, 8);
        for (uint64_t i = 5; i < 9; i++)
                CHECK(fixture_put(store, &grid, i) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        data = fixture_read(whole, "spool-00000000", &size);
        fixture_block(&grid, 8, &last);
        last_start = size - last.block.packed_size - RECORD_HEADER_SIZE;
        fixture_block_done(&last);
        for (size_t cut = last_start; cut <= size; cut++) {
                fixture_copy(whole, folder);
                fixture_write(folder, "spool-00000000", data, cut);
                store = fixture_open(folder, &grid, 8);
                CHECK_EQUAL(store_present(store)->n_members, cut < size ? 3 : 4);
                for (uint64_t i = 0; i < 12; i++)
                        CHECK(fixture_put(store, &grid, i) ==
                              (i >= 5 && i < (cut < size ? 8U : 9U) ? -EALREADY : 0));
                CHECK(store_commit(store, NULL, NULL) == 0);
                store_close(store);
                CHECK(fixture_same(finished, folder));
                CHECK_EQUAL(fixture_count(folder, "spool"), 0);
                fixture_remove(folder, "000000000000.primes");
                fixture_remove(folder, "000000000008.primes");
                fixture_remove(folder, "manifest");
        }
        free(data);
        grid_done(&grid);
}

/* Sealing: footer, rename, manifest. Each state in between is one that a crash can leave. */
static void test_sealing_interrupted(void) {
        const char *finished = fixture_folder();
        uint8_t *data;
        size_t size;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 8);
        fixture_store(finished, &grid, 4, 8);
        data = fixture_read(finished, "000000000004.primes", &size);

        for (unsigned state = 0; state < 4; state++) {
                const char *folder = fixture_folder();
                StoreTotals totals;
                Store *store;

                fixture_copy(finished, folder);
                if (state == 0 || state == 1) { /* footer torn, footer whole, not renamed */
                        fixture_remove(folder, "000000000004.primes");
                        fixture_write(folder, "000000000004.open", data, size - (state == 0 ? 100 : 0));
                }
                if (state < 3) { /* the manifest knows the first one only */
                        const char *before = fixture_folder();
                        uint8_t *manifest;
                        size_t n;

                        fixture_store(before, &grid, 4, 5);
                        manifest = fixture_read(before, "manifest", &n);
                        fixture_write(folder, "manifest", manifest, n);
                        free(manifest);
                } else
                        fixture_remove(folder, "manifest");
                fixture_write(folder, "manifest.new", "torn", 4);
                fixture_write(folder, "000000000008.open.new", "", 0);

                store = fixture_open(folder, &grid, 4);
                store_totals(store, &totals);
                CHECK_EQUAL(totals.n_segments, 2);
                CHECK_EQUAL(store_frontier(store), 8);
                store_close(store);
                CHECK(fixture_same(finished, folder));
                CHECK_EQUAL(fixture_count(folder, ".new"), 0);
                CHECK_EQUAL(fixture_count(folder, ".open"), 0);
        }
        free(data);
        grid_done(&grid);
}

/* A crash after the move to a segment and before the spool file was deleted. */
static void test_block_in_spool_and_segment(void) {
        const char *finished = fixture_folder(), *spooled = fixture_folder(), *folder = fixture_folder();
        uint8_t *data;
        size_t size;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 8);
        fixture_store(finished, &grid, 4, 8);
        store = fixture_open(spooled, &grid, 4);
        CHECK(fixture_put(store, &grid, 2) == 0);
        CHECK(fixture_put(store, &grid, 5) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        fixture_store(folder, &grid, 4, 3);
        data = fixture_read(spooled, "spool-00000000", &size);
        fixture_write(folder, "spool-00000000", data, size);
        free(data);

        store = fixture_open(folder, &grid, 4);
        CHECK_EQUAL(store_frontier(store), 3);
        CHECK_EQUAL(store_present(store)->n_members, 4);
        CHECK(fixture_put(store, &grid, 4) == 0);
        CHECK(fixture_put(store, &grid, 3) == 0);
        CHECK_EQUAL(store_frontier(store), 6);
        CHECK(fixture_put(store, &grid, 7) == 0);
        CHECK(fixture_put(store, &grid, 6) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        CHECK(fixture_same(finished, folder));
        CHECK_EQUAL(fixture_count(folder, "spool"), 0);
        grid_done(&grid);
}

/* A person moved a damaged segment away: its blocks, and only those, are computed again. */
static void test_hole_is_filled(void) {
        const char *finished = fixture_folder(), *folder = fixture_folder();
        StoreTotals totals;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 24);
        fixture_store(finished, &grid, 4, 24);
        fixture_store(folder, &grid, 4, 22);
        fixture_remove(folder, "000000000004.primes");

        store = fixture_open(folder, &grid, 4);
        CHECK_EQUAL(store_frontier(store), 4);
        CHECK_EQUAL(store_present(store)->n_members, 18);
        store_totals(store, &totals);
        CHECK_EQUAL(totals.n_segments, 1);
        CHECK_EQUAL(fixture_count(folder, ".open"), 0); /* blocks 20 and 21 wait in the spool */
        CHECK(fixture_put(store, &grid, 22) == 0);
        CHECK(fixture_put(store, &grid, 8) == -EALREADY);
        for (uint64_t i = 7; i >= 4; i--)
                CHECK(fixture_put(store, &grid, i) == 0);
        CHECK_EQUAL(store_frontier(store), 23);
        CHECK(fixture_put(store, &grid, 23) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        CHECK(fixture_same(finished, folder));
        grid_done(&grid);
}

static void test_second_writer_is_refused(void) {
        const char *folder = fixture_folder();
        Problem problem = PROBLEM_NONE;
        Store *store, *second;
        char pid[32];
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 4);
        store = fixture_open(folder, &grid, 4);
        CHECK(fixture_try_open(&disk_system, folder, &grid, 4, &second, &problem) == -EBUSY);
        (void) snprintf(pid, sizeof pid, "pid %ld", (long) getpid());
        CHECK(strstr(problem.text, pid) != NULL);
        store_close(store);
        store_close(fixture_open(folder, &grid, 4));
        grid_done(&grid);
}

/* Whoever else could open it could lock it, and keep the owner out. */
static void test_lock_is_its_owners_alone(void) {
        const char *folder = fixture_folder();
        char path[512];
        struct stat st;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 4);
        (void) snprintf(path, sizeof path, "%s/lock", folder);
        fixture_write(folder, "lock", "", 0);
        CHECK(chmod(path, 0666) == 0);
        store = fixture_open(folder, &grid, 4);
        CHECK(stat(path, &st) == 0);
        CHECK_EQUAL(st.st_mode & 07777, 0600);
        store_close(store);
        grid_done(&grid);
}

static void test_lock_ends_with_its_process(void) {
        const char *folder = fixture_folder();
        int status;
        pid_t pid;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 4);
        (void) fflush(stdout);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                Store *store = fixture_open(folder, &grid, 4);

                _exit(fixture_put(store, &grid, 0) == 0 ? 0 : 1);
        }
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        store_close(fixture_open(folder, &grid, 4));
        grid_done(&grid);
}

static void test_foreign_folders_are_refused(void) {
        const char *folder = fixture_folder(), *other = fixture_folder();
        Problem problem = PROBLEM_NONE;
        Grid grid, longer;
        Store *store;
        char path[512];

        fixture_grid(&grid, FIXTURE_FROM, 4);
        fixture_grid(&longer, FIXTURE_FROM, 5);

        /* somebody's folder: refused, and left as it was */
        fixture_write(folder, "thesis.tex", "x", 1);
        CHECK(fixture_try_open(&disk_system, folder, &grid, 4, &store, &problem) == -EEXIST);
        CHECK(strstr(problem.text, "not a store") != NULL);
        CHECK(!fixture_exists(folder, "lock") && !fixture_exists(folder, "job"));

        /* a file */
        problem = PROBLEM_NONE;
        (void) snprintf(path, sizeof path, "%s/thesis.tex", folder);
        CHECK(fixture_try_open(&disk_system, path, &grid, 4, &store, &problem) == -ENOTDIR);
        CHECK(problem.text[0] != '\0');

        /* another job */
        problem = PROBLEM_NONE;
        fixture_store(other, &grid, 4, 2);
        CHECK(fixture_try_open(&disk_system, other, &longer, 4, &store, &problem) == -EEXIST);
        CHECK(strstr(problem.text, "another job") != NULL && strstr(problem.text, "--store") != NULL);

        /* missing parents are made */
        (void) snprintf(path, sizeof path, "%s/a/b/c", other);
        store = fixture_open(path, &grid, 4);
        store_close(store);
        grid_done(&grid);
        grid_done(&longer);
}

/* Readers and writers say which file is lost, and change nothing; with the file back all is well. */
static void check_lost_job(const char *folder, const Grid *grid) {
        Problem problem = PROBLEM_NONE;
        Reader *reader;
        Store *store;

        CHECK(fixture_try_open(&disk_system, folder, grid, 4, &store, &problem) == -EBADMSG);
        CHECK(strstr(problem.text, "put the file 'job' back") != NULL && strstr(problem.text, folder) != NULL);
        problem = PROBLEM_NONE;
        CHECK(reader_open(folder, &reader, &problem) == -EBADMSG);
        CHECK(strstr(problem.text, "put the file 'job' back") != NULL);
        CHECK(!fixture_exists(folder, "job"));
}

static void test_lost_job_is_said(void) {
        static const char *const names[] = { "manifest", "000000000000.primes", "000000000004.open", "spool-00000000" };
        const char *whole = fixture_folder(), *foreign = fixture_folder(), *again = fixture_folder();
        Problem problem = PROBLEM_NONE;
        uint8_t *data, *other;
        size_t size, other_size;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        store = fixture_open(whole, &grid, 4);
        for (uint64_t i = 0; i < 7; i++)
                CHECK(fixture_put(store, &grid, i < 6 ? i : 9) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        data = fixture_read(whole, "job", &size);
        fixture_remove(whole, "job");
        check_lost_job(whole, &grid);

        /* any one of the others is enough to see that it was a store */
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *folder = fixture_folder();

                other = fixture_read(whole, names[i], &other_size);
                fixture_write(folder, names[i], other, other_size);
                free(other);
                check_lost_job(folder, &grid);
        }

        /* the cure that the sentence names */
        fixture_store(again, &grid, 4, 0);
        other = fixture_read(again, "job", &other_size);
        CHECK(other_size == size && memcmp(other, data, size) == 0);
        fixture_write(whole, "job", other, other_size);
        store = fixture_open(whole, &grid, 4);
        CHECK_EQUAL(store_frontier(store), 6);
        store_close(store);

        /* somebody else's manifest */
        fixture_write(foreign, "manifest", "Bundle-Name: x", 14);
        CHECK(fixture_try_open(&disk_system, foreign, &grid, 4, &store, &problem) == -EEXIST);
        CHECK(strstr(problem.text, "not a store") != NULL);
        free(data);
        free(other);
        grid_done(&grid);
}

static void test_damaged_files_stop_the_store(void) {
        static const char *const names[] = { "job", "manifest", "000000000000.primes", "000000000004.open" };
        const char *whole = fixture_folder();
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        fixture_store(whole, &grid, 4, 6);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                const char *folder = fixture_folder();
                Problem problem = PROBLEM_NONE;
                _cleanup_free_ uint8_t *data = NULL, *after = NULL;
                size_t size, size_after;
                Store *store;

                fixture_copy(whole, folder);
                data = fixture_read(whole, names[i], &size);
                if (i == 2) { /* the footer is read when the manifest does not know the segment */
                        fixture_remove(folder, "manifest");
                        data[size - 30] ^= 4;
                } else
                        data[i == 0 ? size - 3 : 40] ^= 1;
                fixture_write(folder, names[i], data, size);
                CHECK(fixture_try_open(&disk_system, folder, &grid, 4, &store, &problem) < 0);
                CHECK(strstr(problem.text, names[i]) != NULL);
                after = fixture_read(folder, names[i], &size_after);
                CHECK(size == size_after && memcmp(data, after, size) == 0);
        }
        grid_done(&grid);
}

static void test_provenance_is_kept_and_cut(void) {
        const char *folder = fixture_folder();
        const StoreProvenance provenance = { .first = 0, .end = 3, .worker_name = "büro-3", .check = "unaudited" };
        uint8_t *data;
        size_t size;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 4);
        store = fixture_open(folder, &grid, 4);
        CHECK(store_put_provenance(store, &provenance, NULL) == 0);
        CHECK(store_put_provenance(store, &provenance, NULL) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        data = fixture_read(folder, "provenance", &size);
        CHECK_EQUAL(size, 64 + 2 * 160);
        fixture_write(folder, "provenance", data, size - 7);
        free(data);
        store = fixture_open(folder, &grid, 4);
        CHECK(store_put_provenance(store, &provenance, NULL) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        free(fixture_read(folder, "provenance", &size));
        CHECK_EQUAL(size, 64 + 2 * 160);
        grid_done(&grid);
}

static void test_spool_files_rotate(void) {
        const char *folder = fixture_folder();
        Store *store;
        Grid grid;

        /* Blocks of 1 MiB whose bitmaps do not pack well. */
        fixture_grid(&grid, "10^15", 140);
        store = fixture_open(folder, &grid, 200);
        for (uint64_t i = 139; i >= 1; i--)
                CHECK(fixture_put(store, &grid, i) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        CHECK_EQUAL(fixture_count(folder, "spool-"), 2);
        CHECK(fixture_put(store, &grid, 0) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        CHECK_EQUAL(fixture_count(folder, "spool-"), 0);
        CHECK_EQUAL(store_frontier(store), 140);
        store_close(store);
        grid_done(&grid);
}

/* Digests only: the same chain, files that are small, and the same files as when the bitmaps are taken later. */
static void test_digests_instead_of_bitmaps(void) {
        const char *full = fixture_folder(), *thin = fixture_folder();
        uint64_t order[] = { 3, 0, 1, 9, 2, 8, 4, 5, 6, 7 };
        StoreTotals totals, before;
        StoreVacuum vacuum;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 10);
        CHECK(store_open(&disk_system, thin, &grid, &(StoreOptions) { 4, STORE_KEEP_DIGEST }, &store, NULL) == 0);
        for (size_t i = 0; i < 10; i++) {
                CHECK(fixture_put(store, &grid, order[i]) == 0);
                if (i == 6) { /* a restart with a spool and an open segment */
                        CHECK(store_commit(store, NULL, NULL) == 0);
                        store_close(store);
                        CHECK(store_open(&disk_system, thin, &grid, &(StoreOptions) { 4, STORE_KEEP_DIGEST }, &store,
                                         NULL) == 0);
                }
        }
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_totals(store, &totals);
        CHECK_EQUAL(totals.n_blocks, 10);
        CHECK_EQUAL(totals.segment_bytes, 3 * (FILE_HEADER_SIZE + footer_size(0, STORE_KEEP_DIGEST)) + 10 * 16);
        CHECK_EQUAL(store_vacuum(store, 0, 100, &vacuum, NULL), 0);
        CHECK_EQUAL(vacuum.n_segments, 0);
        store_close(store);

        fixture_store(full, &grid, 4, 10);
        store = fixture_open(full, &grid, 4);
        store_totals(store, &before);
        CHECK_EQUAL(store_vacuum(store, before.segment_bytes - 1, 100, &vacuum, NULL), 0);
        CHECK_EQUAL(vacuum.n_segments, 1); /* the oldest was enough */
        CHECK_EQUAL(store_vacuum(store, 0, 1, &vacuum, NULL), 1);
        CHECK_EQUAL(vacuum.n_segments, 1);
        CHECK_EQUAL(store_vacuum(store, 0, 100, &vacuum, NULL), 0);
        CHECK_EQUAL(vacuum.n_segments, 1);
        store_totals(store, &totals);
        CHECK_EQUAL(totals.segment_bytes, 3 * (FILE_HEADER_SIZE + footer_size(0, STORE_KEEP_DIGEST)) + 10 * 16);
        CHECK_EQUAL(totals.n_primes, before.n_primes);
        store_close(store);
        CHECK(fixture_same(full, thin));

        /* opened again, it does not know yet that there is nothing to take: each look counts */
        store = fixture_open(full, &grid, 4);
        CHECK_EQUAL(store_vacuum(store, 0, 2, &vacuum, NULL), 1);
        CHECK_EQUAL(vacuum.n_segments, 0);
        CHECK_EQUAL(store_vacuum(store, 0, 2, &vacuum, NULL), 0);
        CHECK_EQUAL(vacuum.n_segments, 0);
        store_close(store);
        CHECK(fixture_same(full, thin));
        grid_done(&grid);
}

/* The kind may change in the midst of a segment: nothing is thrown away, nothing that was not wanted is written. */
static void test_kinds_may_change(void) {
        const char *folder = fixture_folder();
        _cleanup_free_ uint8_t *left = NULL;
        StoreTotals totals, before;
        StoreVacuum vacuum;
        size_t size;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 8);
        store = fixture_open(folder, &grid, 4);
        CHECK(fixture_put(store, &grid, 0) == 0);
        store_set_keep(store, STORE_KEEP_DIGEST);
        CHECK(fixture_put(store, &grid, 1) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_totals(store, &before);
        store_close(store);
        left = fixture_read(folder, "000000000000.open", &size);

        /* who says nothing goes on with what was kept last, also over a border of segments */
        for (uint64_t i = 2; i < 6; i++) {
                store = fixture_open(folder, &grid, 4);
                CHECK(fixture_put(store, &grid, i) == 0);
                CHECK(store_commit(store, NULL, NULL) == 0);
                store_close(store);
        }
        store = fixture_open(folder, &grid, 4);
        store_totals(store, &totals);
        CHECK_EQUAL(totals.segment_bytes, before.segment_bytes + 2 * RECORD_HEADER_SIZE +
                    footer_size(4, STORE_KEEP_FULL) + FILE_HEADER_SIZE + 2 * RECORD_HEADER_SIZE);
        store_set_keep(store, STORE_KEEP_FULL);
        CHECK(fixture_put(store, &grid, 6) == 0 && fixture_put(store, &grid, 7) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);

        /* an open file that was left beside its sealed one is waste */
        fixture_write(folder, "000000000000.open", left, size);
        store = fixture_open(folder, &grid, 4);
        CHECK(!fixture_exists(folder, "000000000000.open"));
        store_totals(store, &totals);
        CHECK_EQUAL(totals.n_blocks, 8);
        CHECK_EQUAL(totals.spool_blocks, 0);
        CHECK_EQUAL(store_vacuum(store, 0, 10, &vacuum, NULL), 0);
        CHECK_EQUAL(vacuum.n_segments, 2);
        store_close(store);
        grid_done(&grid);
}

/* Sealed early: later borders stay where they were, so that all later segments are those of any other store. */
static void test_rotation_shifts_no_border(void) {
        const char *plain = fixture_folder(), *rotated = fixture_folder();
        IntervalSet durable = INTERVAL_SET_EMPTY;
        _cleanup_free_ uint8_t *one = NULL, *other = NULL;
        size_t n_one, n_other;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        fixture_store(plain, &grid, 4, 12);
        store = fixture_open(rotated, &grid, 4);
        CHECK(store_rotate(store, NULL, NULL) == 0); /* nothing to seal */
        for (uint64_t i = 0; i < 12; i++) {
                CHECK(fixture_put(store, &grid, i) == 0);
                if (i == 1) {
                        CHECK(store_rotate(store, &durable, NULL) == 0);
                        CHECK_EQUAL(durable.n_members, 2);
                        CHECK(fixture_exists(rotated, "000000000000.primes"));
                        CHECK(store_rotate(store, NULL, NULL) == 0);
                        store_close(store);
                        store = fixture_open(rotated, &grid, 4);
                        CHECK_EQUAL(store_frontier(store), 2);
                }
        }
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        CHECK_EQUAL(fixture_count(rotated, ".primes"), 4);
        CHECK(fixture_exists(rotated, "000000000002.primes"));
        for (unsigned i = 4; i <= 8; i += 4) {
                char name[LAYOUT_NAME_SIZE];

                layout_sealed_name(i, name);
                free(one);
                free(other);
                one = fixture_read(plain, name, &n_one);
                other = fixture_read(rotated, name, &n_other);
                CHECK(n_one == n_other && memcmp(one, other, n_one) == 0);
        }
        /* the last 32 bytes before the manifest's checksum are the chain */
        free(one);
        free(other);
        one = fixture_read(plain, "manifest", &n_one);
        other = fixture_read(rotated, "manifest", &n_other);
        CHECK(memcmp(one + n_one - 40, other + n_other - 40, 32) == 0);

        /* a hole of two short segments is filled up to the next one that is there */
        fixture_remove(rotated, "000000000000.primes");
        fixture_remove(rotated, "000000000002.primes");
        store = fixture_open(rotated, &grid, 4);
        CHECK_EQUAL(store_frontier(store), 0);
        for (uint64_t i = 0; i < 4; i++)
                CHECK(fixture_put(store, &grid, i) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        CHECK_EQUAL(store_frontier(store), 12);
        store_close(store);
        CHECK(fixture_same(plain, rotated));
        interval_set_done(&durable);
        grid_done(&grid);
}

/* Two sealed files that claim the same block cannot both be right. */
static void test_overlapping_segments_are_refused(void) {
        const char *folder = fixture_folder(), *other = fixture_folder();
        Problem problem = PROBLEM_NONE;
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 8);
        fixture_store(folder, &grid, 4, 8);
        store = fixture_open(other, &grid, 4);
        CHECK(fixture_put(store, &grid, 0) == 0 && fixture_put(store, &grid, 1) == 0);
        CHECK(store_rotate(store, NULL, NULL) == 0);
        CHECK(fixture_put(store, &grid, 2) == 0 && fixture_put(store, &grid, 3) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        data = fixture_read(other, "000000000002.primes", &size);
        fixture_write(folder, "000000000002.primes", data, size);
        CHECK(fixture_try_open(&disk_system, folder, &grid, 4, &store, &problem) == -EBADMSG);
        CHECK(strstr(problem.text, "000000000002.primes") != NULL);
        grid_done(&grid);
}

/* One flipped bit, in the header or the bitmap of a record: it costs one block, not all that stand behind it. */
static void check_flip(const char *name, size_t record, size_t in_record, uint64_t lost) {
        const char *folder = fixture_folder(), *finished = fixture_folder();
        _cleanup_free_ uint8_t *data = NULL;
        size_t size, at = FILE_HEADER_SIZE;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 20);
        fixture_store(folder, &grid, 8, 14);
        store = fixture_open(folder, &grid, 8);
        for (uint64_t i = 15; i < 19; i++)
                CHECK(fixture_put(store, &grid, i) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        CHECK_EQUAL(store_n_damaged(store), 0);
        store_close(store);

        data = fixture_read(folder, name, &size);
        for (size_t i = 0; i < record; i++)
                at += RECORD_HEADER_SIZE + get_le32(data + at + 24);
        data[at + in_record] ^= 8;
        fixture_write(folder, name, data, size);
        store = fixture_open(folder, &grid, 8);
        CHECK_EQUAL(store_present(store)->n_members, 17);
        CHECK(!interval_set_contains(store_present(store), lost));
        CHECK_EQUAL(store_n_damaged(store), 1);
        store_close(store);

        /* that is where it stays, whatever happens next */
        store = fixture_open(folder, &grid, 8);
        CHECK_EQUAL(store_present(store)->n_members, 17);
        for (uint64_t i = 0; i < 20; i++)
                CHECK(fixture_put(store, &grid, i) == (i == 14 || i == 19 || i == lost ? 0 : -EALREADY));
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        fixture_store(finished, &grid, 8, 20);
        CHECK(fixture_same(finished, folder));
        CHECK_EQUAL(fixture_count(folder, "spool"), 0);
        grid_done(&grid);
}

static void test_damage_costs_one_block(void) {
        check_flip("000000000008.open", 0, 5, 8);
        check_flip("000000000008.open", 2, 40, 10);
        check_flip("000000000008.open", 2, RECORD_HEADER_SIZE + 3, 10);
        check_flip("spool-00000000", 0, 0, 15);
        check_flip("spool-00000000", 2, 25, 17);
        check_flip("spool-00000000", 2, RECORD_HEADER_SIZE, 17);
}

/* The same in an open segment that a hole made one that is not at the frontier. */
static void test_damage_beyond_a_hole(void) {
        const char *folder = fixture_folder();
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 20);
        fixture_store(folder, &grid, 4, 15);
        fixture_remove(folder, "000000000004.primes");
        data = fixture_read(folder, "000000000012.open", &size);
        data[FILE_HEADER_SIZE + 3] ^= 1;
        fixture_write(folder, "000000000012.open", data, size);
        store = fixture_open(folder, &grid, 4);
        CHECK_EQUAL(store_frontier(store), 4);
        CHECK_EQUAL(store_present(store)->n_members, 10);
        CHECK_EQUAL(store_n_damaged(store), 1);
        store_close(store);
        grid_done(&grid);
}

int main(void) {
        RUN(test_blocks_in_order_become_segments);
        RUN(test_blocks_that_are_wrong_are_refused);
        RUN(test_order_leaves_no_trace);
        RUN(test_spool_counts_and_goes);
        RUN(test_open_segment_torn_at_every_byte);
        RUN(test_spool_torn_at_every_byte);
        RUN(test_sealing_interrupted);
        RUN(test_block_in_spool_and_segment);
        RUN(test_hole_is_filled);
        RUN(test_second_writer_is_refused);
        RUN(test_lock_is_its_owners_alone);
        RUN(test_lock_ends_with_its_process);
        RUN(test_foreign_folders_are_refused);
        RUN(test_lost_job_is_said);
        RUN(test_damaged_files_stop_the_store);
        RUN(test_provenance_is_kept_and_cut);
        RUN(test_spool_files_rotate);
        RUN(test_damage_costs_one_block);
        RUN(test_damage_beyond_a_hole);
        RUN(test_digests_instead_of_bitmaps);
        RUN(test_kinds_may_change);
        RUN(test_rotation_shifts_no_border);
        RUN(test_overlapping_segments_are_refused);
        return tests_end();
}
