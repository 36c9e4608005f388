/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The stores in tests/data/store-format-1, made when format 1 was fixed: the library reads them, goes on with the one
 * that is half done, and refuses them when they say another format. Argument: their folder.
 */

#include <errno.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "prime/bitmap.h"
#include "store/block-sieve.h"
#include "store/fixture.h"
#include "store/job-file.h"
#include "store/layout.h"
#include "store/reader.h"
#include "store/verify.h"
#include "test.h"

#define HALF_DONE_PRIMES 1107
#define HALF_DONE_CHAIN "df4920c6f6bfcc84f9f8794f31cd1565279f00f936199edcce1c2cc6127c423b"
#define FINISHED_PRIMES 1610
#define FINISHED_CHAIN "1922cc8ba9ba41983540b9ea1f9de30ff9a274cd5a1c8af23507b6c3480adef5"

static const char *data_folder;
static const char *const kept[] = { "from-0", "at-10-12", "half-done" };

static char *kept_path(const char *name) {
        char *path;

        CHECK(asprintf(&path, "%s/%s", data_folder, name) > 0);
        return path;
}

/* A copy that may be written. */
static const char *kept_copy(const char *name) {
        _cleanup_free_ char *path = kept_path(name);
        const char *copy = fixture_folder();

        fixture_copy(path, copy);
        return copy;
}

static void kept_grid(const char *folder, Grid *ret) {
        _cleanup_free_ uint8_t *text = NULL;
        uint64_t segment_blocks;
        size_t size;

        text = fixture_read(folder, LAYOUT_JOB, &size);
        CHECK(job_file_decode((const char *) text, size, ret, &segment_blocks, NULL) == 0);
}

static void check_chain(const uint8_t chain[static SHA256_SIZE], const char *expected) {
        char text[SHA256_SIZE * 2 + 1];

        for (size_t i = 0; i < SHA256_SIZE; i++)
                (void) snprintf(text + 2 * i, 3, "%02x", chain[i]);
        CHECK_STRING(text, expected);
}

/* Every block that the reader gives is what the sieve says. */
static void check_blocks(Reader *reader) {
        const Grid *grid = reader_grid(reader);
        _cleanup_free_ uint8_t *bitmap = malloc(grid->block_length / 30), *sieved = malloc(grid->block_length / 30);
        BlockSieve *sieve = block_sieve_new(grid);

        CHECK(bitmap && sieved && sieve);
        for (uint64_t i = 0; i < reader_frontier(reader); i++) {
                BlockShape shape;

                block_shape(grid, i, &shape);
                CHECK(reader_read_block(reader, i, bitmap, NULL) == 0);
                CHECK(block_sieve_compute(sieve, i, reader_frontier(reader), sieved) == 0);
                CHECK(memcmp(bitmap, sieved, shape.n_bytes) == 0);
        }
        block_sieve_free(sieve);
}

static void test_kept_stores_are_read(void) {
        for (size_t i = 0; i < ELEMENTSOF(kept); i++) {
                VerifyOptions options = { .recompute = true };
                _cleanup_free_ char *path = kept_path(kept[i]);
                VerifyReport report;
                VerifyFault fault;
                Problem problem = PROBLEM_NONE;
                Reader *reader;

                CHECK(reader_open(path, &reader, &problem) == 0);
                check_blocks(reader);
                reader_close(reader);
                CHECK(verify_store(path, &options, &report, &fault, &problem) == 0);
                CHECK_STRING(problem.text, "");
        }
}

static void test_half_done_totals(void) {
        _cleanup_free_ char *path = kept_path("half-done");
        ReaderWorker *workers;
        ReaderTotals totals;
        Reader *reader;
        size_t n;

        CHECK(reader_open(path, &reader, NULL) == 0);
        CHECK(reader_totals(reader, &totals, NULL) == 0);
        CHECK_EQUAL(totals.n_blocks, 7);
        CHECK_EQUAL(totals.n_primes, HALF_DONE_PRIMES);
        CHECK_EQUAL(totals.n_segments, 4);
        CHECK_EQUAL(totals.open_blocks, 1);
        CHECK_EQUAL(totals.spool_blocks, 1);
        CHECK_EQUAL(totals.spool_primes, 169);
        check_chain(totals.chain, HALF_DONE_CHAIN);
        CHECK(reader_workers(reader, &workers, &n, NULL) == 0);
        CHECK_EQUAL(n, 2);
        CHECK_STRING(workers[0].name, "ada");
        CHECK_STRING(workers[1].name, "raspberry");
        CHECK_STRING(workers[1].check, "unaudited");
        CHECK_EQUAL(workers[1].n_blocks, 4);
        free(workers);
        reader_close(reader);
}

/* Sieves a block and puts it. */
static int put_sieved(Store *store, const Grid *grid, uint64_t sequence) {
        size_t room = pack_bound(grid->block_length / 30);
        _cleanup_free_ uint8_t *bitmap = malloc(grid->block_length / 30), *packed = malloc(room);
        StoreBlock block = { .sequence = sequence, .packed = packed };
        BlockSieve *sieve = block_sieve_new(grid);
        Packer *packer = packer_new();
        _cleanup_mpz_ mpz_t start;
        GridBlock cell;
        size_t n_bytes;

        mpz_init(start);
        CHECK(bitmap && packed && sieve && packer);
        grid_block(grid, sequence, start, &cell);
        n_bytes = (size_t) (cell.length / 30);
        CHECK(block_sieve_compute(sieve, sequence, sequence + 1, bitmap) == 0);
        block.count = bitmap_count(bitmap, n_bytes);
        checksum_sha256(bitmap, n_bytes, block.digest);
        CHECK(pack_bitmap(packer, start, bitmap, n_bytes, packed, room, &block.codec, &block.packed_size) == 0);
        mpz_add_ui(start, start, (unsigned long) cell.high);
        block.certainty = certainty_of(start);
        block_sieve_free(sieve);
        packer_free(packer);
        return store_put(store, &block, NULL);
}

static void test_half_done_is_finished(void) {
        static const char *const sealed[] = { "000000000000.primes", "000000000002.primes", "000000000004.primes",
                                              "000000000005.primes" };
        _cleanup_free_ char *path = kept_path("half-done");
        const char *copy = kept_copy("half-done");
        VerifyOptions options = { .recompute = true };
        Problem problem = PROBLEM_NONE;
        VerifyReport report;
        ReaderTotals totals;
        VerifyFault fault;
        Reader *reader;
        Store *store;
        Grid grid;

        kept_grid(copy, &grid);
        store = fixture_open(copy, &grid, 0);
        CHECK_EQUAL(store_frontier(store), 7);
        CHECK_EQUAL(store_segment_blocks(store), 2);
        CHECK(put_sieved(store, &grid, 0) == -EALREADY);
        CHECK(put_sieved(store, &grid, 8) == -EALREADY);
        CHECK(put_sieved(store, &grid, 7) == 0);
        CHECK_EQUAL(store_frontier(store), 9);
        CHECK(put_sieved(store, &grid, 9) == 0);
        CHECK(store_commit(store, NULL, &problem) == 0);
        store_close(store);
        grid_done(&grid);

        for (size_t i = 0; i < ELEMENTSOF(sealed); i++) {
                _cleanup_free_ uint8_t *before = NULL, *after = NULL;
                size_t n_before, n_after;

                before = fixture_read(path, sealed[i], &n_before);
                after = fixture_read(copy, sealed[i], &n_after);
                CHECK(n_before == n_after && memcmp(before, after, n_before) == 0);
        }
        CHECK(verify_store(copy, &options, &report, &fault, &problem) == 0);
        CHECK(report.complete);
        CHECK_EQUAL(report.n_recomputed, 10);
        CHECK(reader_open(copy, &reader, &problem) == 0);
        CHECK(reader_totals(reader, &totals, &problem) == 0);
        CHECK_EQUAL(totals.n_primes, FINISHED_PRIMES);
        CHECK_EQUAL(totals.spool_files, 0);
        check_chain(totals.chain, FINISHED_CHAIN);
        reader_close(reader);
}

/* As a version with that format would have written it: the headers' checksums are right. */
static void set_format(const char *folder, unsigned format) {
        char **names, line[32];
        size_t n;

        (void) snprintf(line, sizeof line, "format=%u\n", format);
        names = fixture_names(folder, &n);
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ uint8_t *data = NULL;
                size_t size;

                data = fixture_read(folder, names[i], &size);
                if (strcmp(names[i], LAYOUT_JOB) == 0) {
                        char *place = strstr((char *) data, "format=1\n");

                        CHECK(place != NULL);
                        memcpy(place, line, strlen(line));
                } else {
                        put_le32(data + 8, format);
                        put_le64(data + 56, checksum_xxh3(data, 56));
                }
                fixture_write(folder, names[i], data, size);
                free(names[i]);
        }
        free(names);
}

static void check_refusal(int r, const Problem *problem, unsigned format) {
        char part[32];

        (void) snprintf(part, sizeof part, "format %u", format);
        CHECK_EQUAL(r, -EPROTONOSUPPORT);
        CHECK(strstr(problem->text, part) != NULL);
        CHECK(strstr(problem->text, LAYOUT_FORMAT_CURE) != NULL);
}

/* The same files with the same bytes, but for the lock. */
static void check_unchanged(const char *folder, const char *copy) {
        char **names;
        size_t n;

        names = fixture_names(folder, &n);
        CHECK_EQUAL(fixture_count(copy, "") - fixture_exists(copy, LAYOUT_LOCK), fixture_count(folder, ""));
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ uint8_t *a = NULL, *b = NULL;
                size_t n_a, n_b;

                a = fixture_read(folder, names[i], &n_a);
                b = fixture_read(copy, names[i], &n_b);
                CHECK(n_a == n_b && memcmp(a, b, n_a) == 0);
                free(names[i]);
        }
        free(names);
}

static void test_other_formats_are_refused(void) {
        static const unsigned formats[] = { 0, 2 };

        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                const char *folder = kept_copy("half-done"), *copy = fixture_folder();
                Problem problem = PROBLEM_NONE;
                VerifyReport report;
                VerifyFault fault;
                Reader *reader;
                Store *store;
                Grid grid;

                kept_grid(folder, &grid);
                set_format(folder, formats[i]);
                fixture_copy(folder, copy);
                check_refusal(fixture_try_open(&disk_system, copy, &grid, 2, &store, &problem), &problem, formats[i]);
                problem = PROBLEM_NONE;
                check_refusal(reader_open(copy, &reader, &problem), &problem, formats[i]);
                problem = PROBLEM_NONE;
                check_refusal(verify_store(copy, &(VerifyOptions) {}, &report, &fault, &problem), &problem,
                              formats[i]);
                check_unchanged(folder, copy);
                grid_done(&grid);
        }
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        data_folder = argv[1];
        RUN(test_kept_stores_are_read);
        RUN(test_half_done_totals);
        RUN(test_half_done_is_finished);
        RUN(test_other_formats_are_refused);
        return tests_end();
}
