/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading: the same blocks that were put, also while a writer works, and counts against a plain look at the bits. */

#include "store/reader.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "store/fixture.h"
#include "test.h"

static Reader *open_reader(const char *folder) {
        Problem problem = PROBLEM_NONE;
        Reader *reader = NULL;

        if (reader_open(folder, &reader, &problem) < 0)
                printf("# %s\n", problem.text);
        CHECK(reader != NULL);
        CHECK_STRING(problem.text, "");
        return reader;
}

static void check_blocks(Reader *reader, const Grid *grid, uint64_t n_blocks) {
        uint8_t *bitmap = malloc((size_t) grid->block_length / 30);

        CHECK(bitmap != NULL);
        CHECK_EQUAL(reader_frontier(reader), n_blocks);
        for (uint64_t i = 0; i < n_blocks; i++) {
                FixtureBlock block;

                fixture_block(grid, i, &block);
                CHECK(reader_read_block(reader, i, bitmap, NULL) == 0);
                CHECK(memcmp(bitmap, block.bitmap, block.n_bytes) == 0);
                fixture_block_done(&block);
        }
        CHECK(reader_read_block(reader, n_blocks, bitmap, NULL) == -ENOENT);
        free(bitmap);
}

static void test_blocks_come_back(void) {
        const char *folder = fixture_folder();
        ReaderTotals totals;
        StoreTotals written;
        Reader *reader;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 20);
        store = fixture_open(folder, &grid, 4);
        reader = open_reader(folder);
        check_blocks(reader, &grid, 0);
        CHECK(grid_equal(reader_grid(reader), &grid));
        CHECK_EQUAL(reader_segment_blocks(reader), 4);
        reader_close(reader);

        /* At each length, while the writer has it open and has not even committed. */
        for (uint64_t i = 0; i < 18; i++) {
                CHECK(fixture_put(store, &grid, i) == 0);
                reader = open_reader(folder);
                check_blocks(reader, &grid, i + 1);
                reader_close(reader);
        }
        CHECK(fixture_put(store, &grid, 19) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_totals(store, &written);
        reader = open_reader(folder);
        CHECK(reader_totals(reader, &totals, NULL) == 0);
        CHECK_EQUAL(totals.n_blocks, 18);
        CHECK_EQUAL(totals.n_primes, written.n_primes);
        CHECK_EQUAL(totals.n_segments, 4);
        CHECK_EQUAL(totals.open_blocks, 2);
        CHECK_EQUAL(totals.segment_bytes, written.segment_bytes);
        CHECK_EQUAL(totals.spool_blocks, 1);
        CHECK_EQUAL(totals.spool_primes, written.spool_primes);
        CHECK_EQUAL(totals.spool_bytes, written.spool_bytes);
        reader_close(reader);
        store_close(store);
        grid_done(&grid);
}

/* The reader's view was taken when it was opened; sealing and going on afterwards does not disturb it. */
static void test_view_stays(void) {
        const char *folder = fixture_folder();
        Reader *reader;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 20);
        store = fixture_open(folder, &grid, 8);
        for (uint64_t i = 0; i < 6; i++)
                CHECK(fixture_put(store, &grid, i) == 0);
        reader = open_reader(folder);
        for (uint64_t i = 6; i < 20; i++)
                CHECK(fixture_put(store, &grid, i) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        check_blocks(reader, &grid, 6);
        reader_close(reader);
        store_close(store);
        grid_done(&grid);
}

/* Facts over the whole store against facts of all blocks in one go. */
static void test_facts_join_over_borders(void) {
        const char *folder = fixture_folder();
        Facts expected = {};
        ReaderParts found;
        Reader *reader;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 30);
        fixture_store(folder, &grid, 4, 27);
        for (uint64_t i = 0; i < 27; i++) {
                FixtureBlock block;
                Facts facts;

                fixture_block(&grid, i, &block);
                CHECK(facts_of_block(&grid, i, block.bitmap, &facts));
                facts_join(&expected, &facts, grid.block_length);
                fixture_block_done(&block);
        }
        reader = open_reader(folder);
        CHECK(reader_parts(reader, &found, NULL) == 0);
        CHECK(memcmp(&found.facts, &expected, sizeof expected) == 0);
        CHECK_EQUAL(found.n_proved, 0);
        CHECK_EQUAL(found.n_bpsw, 27);
        reader_close(reader);
        grid_done(&grid);
}

/* Segments, blocks and ranks, of a store with an open segment and of a complete one, against facts of the bitmaps. */
static void check_parts(uint64_t n_blocks, size_t n_segments) {
        const char *folder = fixture_folder();
        uint64_t rank = 0, found, first, n, next = 0;
        Facts facts, expected[30];
        Reader *reader;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 30);
        fixture_store(folder, &grid, 4, n_blocks);
        reader = open_reader(folder);
        for (uint64_t i = 0; i < n_blocks; i++) {
                FixtureBlock block;

                fixture_block(&grid, i, &block);
                CHECK(facts_of_block(&grid, i, block.bitmap, expected + i));
                fixture_block_done(&block);
                CHECK(reader_block_facts(reader, i, &facts, NULL) == 0);
                CHECK(memcmp(&facts, expected + i, sizeof facts) == 0);
                CHECK(reader_rank(reader, i, &found, NULL) == 0);
                CHECK_EQUAL(found, rank);
                for (uint64_t k = 0; k < facts.count; k++) {
                        CHECK(reader_find_rank(reader, rank + k, &found, NULL) == 0);
                        CHECK_EQUAL(found, i);
                }
                rank += facts.count;
        }
        CHECK(reader_rank(reader, n_blocks, &found, NULL) == 0);
        CHECK_EQUAL(found, rank);
        CHECK(reader_rank(reader, n_blocks + 1, &found, NULL) == -ENOENT);
        CHECK(reader_find_rank(reader, rank, &found, NULL) == -ENOENT);
        CHECK(reader_block_facts(reader, n_blocks, &facts, NULL) == -ENOENT);

        CHECK_EQUAL(reader_n_segments(reader), n_segments);
        for (size_t i = 0; i < n_segments; i++) {
                Facts joined = {};

                CHECK(reader_segment_facts(reader, i, &first, &n, &facts, NULL) == 0);
                CHECK_EQUAL(first, next);
                for (uint64_t k = 0; k < n; k++) {
                        CHECK_EQUAL(reader_find_segment(reader, next), i);
                        facts_join(&joined, expected + next++, grid.block_length);
                }
                CHECK(memcmp(&facts, &joined, sizeof facts) == 0);
        }
        CHECK_EQUAL(next, n_blocks);
        CHECK_EQUAL(reader_find_segment(reader, n_blocks), n_segments);
        CHECK(reader_segment_facts(reader, n_segments, &first, &n, &facts, NULL) == -ENOENT);
        reader_close(reader);
        grid_done(&grid);
}

static void test_parts_and_ranks(void) {
        check_parts(30, 8);
        check_parts(28, 7);
        check_parts(27, 7);
        check_parts(3, 1);
}

static void test_blocks_beyond_the_frontier(void) {
        static const uint64_t early[] = { 6, 7, 12, 15, 18 };
        IntervalSet islands = INTERVAL_SET_EMPTY, spool = INTERVAL_SET_EMPTY;
        const char *folder = fixture_folder();
        Reader *reader;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 20);
        fixture_store(folder, &grid, 4, 12);
        fixture_remove(folder, "000000000004.primes");
        store = fixture_open(folder, &grid, 4);
        for (size_t i = 0; i < ELEMENTSOF(early); i++)
                CHECK(fixture_put(store, &grid, early[i]) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        reader = open_reader(folder);
        CHECK_EQUAL(reader_frontier(reader), 4);
        CHECK(reader_beyond(reader, &islands, &spool, NULL) == 0);
        CHECK_EQUAL(islands.n_members, 4);
        CHECK_EQUAL(interval_set_count(&islands, 8, 12), 4);
        CHECK_EQUAL(spool.n_members, 5);
        for (uint64_t i = 4; i < 20; i++)
                CHECK(interval_set_contains(&spool, i) == (i == 6 || i == 7 || i == 12 || i == 15 || i == 18));
        interval_set_done(&islands);
        interval_set_done(&spool);
        reader_close(reader);
        store_close(store);
        grid_done(&grid);
}

static void test_workers_are_summed(void) {
        const char *folder = fixture_folder();
        StoreProvenance provenance = { .worker_name = "one", .check = "unaudited" };
        ReaderWorker *workers;
        Reader *reader;
        Store *store;
        size_t n;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 20);
        store = fixture_open(folder, &grid, 4);
        reader = open_reader(folder);
        CHECK(reader_workers(reader, &workers, &n, NULL) == 0);
        CHECK_EQUAL(n, 0);
        free(workers);
        for (unsigned i = 0; i < 6; i++) {
                provenance.first = i; /* overlapping: credited once */
                provenance.end = i + 2;
                provenance.worker_id[0] = (uint8_t) (i % 2);
                provenance.worker_name = i % 2 ? "two" : "one";
                provenance.realtime_usec = 100 + i;
                CHECK(store_put_provenance(store, &provenance, NULL) == 0);
        }
        CHECK(store_commit(store, NULL, NULL) == 0);
        CHECK(reader_workers(reader, &workers, &n, NULL) == 0);
        CHECK_EQUAL(n, 2);
        CHECK_STRING(workers[0].name, "one");
        CHECK_STRING(workers[1].name, "two");
        CHECK_EQUAL(workers[0].n_blocks, 6);
        CHECK_EQUAL(workers[1].n_blocks, 6);
        CHECK_EQUAL(workers[1].first_usec, 101);
        CHECK_EQUAL(workers[1].last_usec, 105);
        CHECK_STRING(workers[1].check, "unaudited");
        free(workers);
        reader_close(reader);
        store_close(store);
        grid_done(&grid);
}

static void test_damage_is_not_read(void) {
        const char *folder = fixture_folder(), *name = "000000000003.primes";
        Problem problem = PROBLEM_NONE;
        uint8_t *data, *bitmap;
        Reader *reader;
        size_t size;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 9);
        fixture_store(folder, &grid, 3, 9);
        bitmap = malloc((size_t) grid.block_length / 30);
        data = fixture_read(folder, name, &size);
        data[64 + 140] ^= 1; /* packed bytes of block 3 */
        fixture_write(folder, name, data, size);
        reader = open_reader(folder);
        CHECK(reader_read_block(reader, 2, bitmap, &problem) == 0);
        CHECK(reader_read_block(reader, 3, bitmap, &problem) == -EBADMSG);
        CHECK(strstr(problem.text, name) != NULL && strstr(problem.text, "Block 3") != NULL);
        CHECK(reader_read_block(reader, 4, bitmap, NULL) == 0);
        reader_close(reader);
        free(data);
        free(bitmap);
        grid_done(&grid);
}

/* Both ways to open a store with something wrong in its list of segments: the sentence, and how far the second gets. */
static void check_unlisted(const char *folder, const char *name, const char *cure, uint64_t frontier) {
        Problem problem = PROBLEM_NONE;
        Reader *reader = NULL;

        CHECK(reader_open(folder, &reader, &problem) == -EBADMSG);
        CHECK(strstr(problem.text, name) != NULL && strstr(problem.text, folder) != NULL);
        CHECK(strstr(problem.text, cure) != NULL && strstr(problem.text, "primectl verify --repair") != NULL);
        CHECK(reader_open_damaged(folder, &reader, NULL) == 0);
        CHECK_EQUAL(reader_frontier(reader), frontier);
        reader_close(reader);
}

static void test_a_lost_segment_is_no_short_answer(void) {
        static const uint64_t lost[] = { 0, 4, 16 };

        for (size_t i = 0; i < ELEMENTSOF(lost); i++) {
                const char *folder = fixture_folder();
                char name[LAYOUT_NAME_SIZE];
                Reader *reader;
                Grid grid;

                fixture_grid(&grid, FIXTURE_FROM, 20);
                fixture_store(folder, &grid, 4, 20);
                layout_sealed_name(lost[i], name);
                fixture_remove(folder, name);
                check_unlisted(folder, name, "start the job again", lost[i]);

                /* Whoever writes takes note of it: from then on it is a hole, which the frontier tells. */
                store_close(fixture_open(folder, &grid, 4));
                reader = open_reader(folder);
                CHECK_EQUAL(reader_frontier(reader), lost[i]);
                reader_close(reader);
                grid_done(&grid);
        }
}

static void test_a_stray_segment_is_no_short_answer(void) {
        static const char *const names[] = { "000000000002.primes", "000000000007.primes" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *folder = fixture_folder();
                Grid grid;

                fixture_grid(&grid, FIXTURE_FROM, 8);
                fixture_store(folder, &grid, 4, 8);
                fixture_write(folder, names[i], "a segment of another store", 26);
                check_unlisted(folder, names[i], "move it away", i == 0 ? 4 : 8);
                fixture_remove(folder, names[i]);
                reader_close(open_reader(folder));
                grid_done(&grid);
        }
}

/* Somebody who gives a segment another name for a moment, again and again: manifest and folder do not agree then. */
static void test_what_comes_back_was_never_lost(void) {
        const char *folder = fixture_folder();
        char from[512], to[512];
        pid_t pid;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 8);
        fixture_store(folder, &grid, 4, 8);
        (void) snprintf(from, sizeof from, "%s/000000000004.primes", folder);
        (void) snprintf(to, sizeof to, "%s/000000000004.primes.tmp", folder);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
                for (;;) {
                        if (rename(from, to) < 0 || usleep(500) < 0 || rename(to, from) < 0 || usleep(10000) < 0)
                                _exit(EXIT_FAILURE);
                }
        for (unsigned i = 0; i < 200; i++) {
                Reader *reader = open_reader(folder);

                CHECK_EQUAL(reader_frontier(reader), 8);
                reader_close(reader);
                (void) usleep(317);
        }
        CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
        grid_done(&grid);
}

static void test_what_cannot_be_read_is_said(void) {
        const char *folder = fixture_folder();
        Problem problem = PROBLEM_NONE;
        Reader *reader;
        uint8_t *data;
        char path[512];
        size_t size;
        Grid grid;

        CHECK(reader_open(folder, &reader, &problem) == -ENOENT);
        CHECK(strstr(problem.text, "not a store") != NULL);
        problem = PROBLEM_NONE;
        (void) snprintf(path, sizeof path, "%s/nothing", folder);
        CHECK(reader_open(path, &reader, &problem) == -ENOENT);
        CHECK(problem.text[0] != '\0');

        fixture_grid(&grid, FIXTURE_FROM, 3);
        fixture_store(folder, &grid, 3, 3);
        data = fixture_read(folder, "manifest", &size);
        data[8] = 7;
        fixture_write(folder, "manifest", data, size);
        problem = PROBLEM_NONE;
        CHECK(reader_open(folder, &reader, &problem) == -EBADMSG); /* the job says that the format is ours */
        CHECK(strstr(problem.text, "'manifest'") != NULL);
        free(data);
        grid_done(&grid);
}

int main(void) {
        RUN(test_blocks_come_back);
        RUN(test_view_stays);
        RUN(test_facts_join_over_borders);
        RUN(test_parts_and_ranks);
        RUN(test_blocks_beyond_the_frontier);
        RUN(test_workers_are_summed);
        RUN(test_damage_is_not_read);
        RUN(test_a_lost_segment_is_no_short_answer);
        RUN(test_a_stray_segment_is_no_short_answer);
        RUN(test_what_comes_back_was_never_lost);
        RUN(test_what_cannot_be_read_is_said);
        return tests_end();
}
