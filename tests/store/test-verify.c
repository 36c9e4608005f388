/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Verification: every damage is found, and said to be where it is. */

#include "store/verify.h"

#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/bitmap.h"
#include "store/block-sieve.h"
#include "store/fixture.h"
#include "store/footer.h"
#include "store/record.h"
#include "test.h"

static int verify(const char *folder, VerifyReport *report, VerifyFault *fault, Problem *problem) {
        *problem = PROBLEM_NONE;
        return verify_store(folder, NULL, report, fault, problem);
}

static void on_progress(uint64_t done_bytes, uint64_t total_bytes, void *userdata) {
        uint64_t *last = userdata;

        CHECK(done_bytes > *last && done_bytes <= total_bytes);
        *last = done_bytes;
}

static void test_intact_store_is_intact(void) {
        const char *folder = fixture_folder();
        uint64_t last = 0;
        VerifyReport report;
        VerifyFault fault;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 20);
        fixture_store(folder, &grid, 4, 14);
        store = fixture_open(folder, &grid, 4);
        CHECK(fixture_put(store, &grid, 17) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        /* also while a writer holds it */
        CHECK(verify_store(folder, &(VerifyOptions) { .progress = on_progress, .userdata = &last }, &report, &fault,
                           NULL) == 0);
        CHECK_EQUAL(fault.kind, VERIFY_INTACT);
        CHECK_EQUAL(report.n_segments, 3);
        CHECK_EQUAL(report.n_blocks, 14);
        CHECK_EQUAL(report.open_blocks, 2);
        CHECK_EQUAL(report.spool_blocks, 1);
        CHECK_EQUAL(report.n_bpsw, 15);
        CHECK_EQUAL(report.torn_bytes, 0);
        CHECK_EQUAL(report.n_unlisted, 0);
        CHECK(last > 0);
        store_close(store);
        grid_done(&grid);
}

/* Which block a byte of a sealed segment belongs to; false: to header or footer. */
static bool find_block(const Footer *footer, size_t at, uint64_t *ret) {
        for (uint64_t i = 0; i < footer->n_blocks; i++)
                if (at >= footer->entries[i].offset &&
                    at < footer->entries[i].offset + RECORD_HEADER_SIZE + footer->entries[i].packed_size) {
                        *ret = footer->first_block + i;
                        return true;
                }
        return false;
}

static void test_each_flipped_byte_of_a_segment_is_found(void) {
        const char *folder = fixture_folder(), *name = "000000000003.primes";
        _cleanup_free_ uint8_t *data = NULL;
        VerifyReport report;
        VerifyFault fault;
        Problem problem;
        Random random;
        size_t size;
        Footer footer;
        Grid grid;

        random_init(&random, fixture_seed());
        fixture_grid(&grid, FIXTURE_FROM, 9);
        fixture_store(folder, &grid, 3, 9);
        data = fixture_read(folder, name, &size);
        CHECK(footer_decode(data, size, &footer) == 0);
        for (size_t i = 0; i < size; i++) {
                uint8_t bit = (uint8_t) (1 << random_below(&random, 8));
                uint64_t block;

                data[i] ^= bit;
                fixture_write(folder, name, data, size);
                data[i] ^= bit;
                CHECK(verify(folder, &report, &fault, &problem) == -EBADMSG);
                CHECK_STRING(fault.file, name);
                CHECK(strstr(problem.text, name) != NULL);
                if (find_block(&footer, i, &block)) {
                        CHECK_EQUAL(fault.kind, VERIFY_RECORD);
                        CHECK(fault.has_block);
                        CHECK_EQUAL(fault.block, block);
                        CHECK_EQUAL(fault.offset, footer.entries[block - footer.first_block].offset);
                        CHECK(fault.low[0] && fault.high[0]);
                } else if (i < FILE_HEADER_SIZE)
                        CHECK_EQUAL(fault.kind, VERIFY_HEADER);
                else {
                        CHECK_EQUAL(fault.kind, VERIFY_FOOTER);
                        CHECK_EQUAL(fault.offset, i);
                }
        }
        footer_done(&footer);
        grid_done(&grid);
}

static void test_each_cut_of_a_segment_is_found(void) {
        const char *folder = fixture_folder(), *name = "000000000000.primes";
        _cleanup_free_ uint8_t *data = NULL;
        VerifyReport report;
        VerifyFault fault;
        Problem problem;
        size_t size;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 4);
        fixture_store(folder, &grid, 2, 4);
        data = fixture_read(folder, name, &size);
        for (size_t cut = 0; cut < size; cut++) {
                fixture_write(folder, name, data, cut);
                CHECK(verify(folder, &report, &fault, &problem) == -EBADMSG);
                CHECK_STRING(fault.file, name);
        }
        data = realloc(data, size + 1);
        CHECK(data != NULL);
        data[size] = 0;
        fixture_write(folder, name, data, size + 1);
        CHECK(verify(folder, &report, &fault, &problem) == -EBADMSG);
        CHECK_EQUAL(fault.kind, VERIFY_FOOTER);
        CHECK_EQUAL(fault.offset, size);
        grid_done(&grid);
}

static void test_each_flipped_byte_of_other_files_is_found(void) {
        static const struct {
                const char *name;
                VerifyKind kind;
        } files[] = {
                { "job", VERIFY_JOB },
                { "manifest", VERIFY_MANIFEST },
                { "provenance", VERIFY_PROVENANCE },
                { "000000000003.open", VERIFY_RECORD },
                { "spool-00000000", VERIFY_RECORD },
        };
        const StoreProvenance provenance = { .first = 0, .end = 4, .worker_name = "w", .check = "unaudited" };
        const char *folder = fixture_folder();
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 8);
        store = fixture_open(folder, &grid, 3);
        for (uint64_t i = 0; i < 7; i++)
                if (i != 5)
                        CHECK(fixture_put(store, &grid, i) == 0);
        CHECK(store_put_provenance(store, &provenance, NULL) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);

        for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
                _cleanup_free_ uint8_t *data = NULL;
                size_t size;

                data = fixture_read(folder, files[f].name, &size);
                for (size_t i = 0; i < size; i++) {
                        VerifyReport report;
                        VerifyFault fault;
                        Problem problem;
                        int r;

                        data[i] ^= 0x10;
                        fixture_write(folder, files[f].name, data, size);
                        data[i] ^= 0x10;
                        r = verify(folder, &report, &fault, &problem);
                        if (r == -EPROTONOSUPPORT && f == 0) /* the digit that says the format */
                                continue;
                        CHECK(r == -EBADMSG);
                        CHECK_STRING(fault.file, files[f].name);
                        CHECK(fault.kind == files[f].kind || (i < FILE_HEADER_SIZE && fault.kind == VERIFY_HEADER));
                }
                fixture_write(folder, files[f].name, data, size);
        }
        grid_done(&grid);
}

/* What a crash leaves is told, but is no fault. */
static void test_torn_tail_is_no_fault(void) {
        const char *folder = fixture_folder();
        _cleanup_free_ uint8_t *data = NULL;
        VerifyReport report;
        VerifyFault fault;
        Problem problem;
        size_t size;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 8);
        fixture_store(folder, &grid, 8, 3);
        data = fixture_read(folder, "000000000000.open", &size);
        fixture_write(folder, "000000000000.open", data, size - 9);
        CHECK(verify(folder, &report, &fault, &problem) == 0);
        CHECK_EQUAL(report.n_blocks, 2);
        CHECK(report.torn_bytes > 100);
        grid_done(&grid);
}

/* How far the job is, and whether that is all of it. */
static void test_coverage_is_told(void) {
        const char *folder = fixture_folder();
        VerifyReport report;
        VerifyFault fault;
        Problem problem;
        Store *store;
        mpz_t from, to;
        Grid grid;

        mpz_init_set_ui(from, 100);
        mpz_init_set_ui(to, 70000000);
        CHECK(grid_init(&grid, from, to, NULL) == 0);
        CHECK_EQUAL(grid.n_blocks, 3);
        store = fixture_open(folder, &grid, 2);
        for (uint64_t i = 0; i <= 3; i++) {
                static const char *const coverages[] = { "100", "31457280", "62914560", "70000000" };

                CHECK(verify(folder, &report, &fault, &problem) == 0);
                CHECK_STRING(report.coverage, coverages[i]);
                CHECK_EQUAL(report.job_blocks, 3);
                CHECK_EQUAL(report.complete, i == 3);
                if (i < 3)
                        CHECK(fixture_put(store, &grid, i) == 0 && store_commit(store, NULL, NULL) == 0);
        }
        store_close(store);
        grid_done(&grid);
        mpz_clear(from);
        mpz_clear(to);

        fixture_grid(&grid, FIXTURE_FROM, 0);
        folder = fixture_folder();
        fixture_store(folder, &grid, 4, 9);
        CHECK(verify(folder, &report, &fault, &problem) == 0);
        CHECK_EQUAL(report.job_blocks, 0);
        CHECK(!report.complete);
        grid_done(&grid);
}

/* A crash can leave segments that the manifest does not list: told. In a complete job: a fault, which a start mends. */
static void test_unlisted_segments(void) {
        const char *folder = fixture_folder(), *half = fixture_folder();
        _cleanup_free_ uint8_t *manifest = NULL;
        VerifyReport report;
        VerifyFault fault;
        Problem problem;
        size_t size;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        fixture_store(half, &grid, 4, 8);
        manifest = fixture_read(half, "manifest", &size);
        fixture_remove(half, "manifest");
        CHECK(verify(half, &report, &fault, &problem) == 0);
        CHECK_EQUAL(report.n_unlisted, 2);

        fixture_store(folder, &grid, 4, 12);
        fixture_write(folder, "manifest", manifest, size);
        CHECK(verify(folder, &report, &fault, &problem) == -EBADMSG);
        CHECK_EQUAL(fault.kind, VERIFY_MANIFEST);
        CHECK(strstr(problem.text, "lists only 2 of 3") != NULL && strstr(problem.text, "Start the job again") != NULL);
        store_close(fixture_open(folder, &grid, 4));
        CHECK(verify(folder, &report, &fault, &problem) == 0);
        CHECK(report.complete && report.n_unlisted == 0);

        fixture_remove(folder, "manifest");
        CHECK(verify(folder, &report, &fault, &problem) == -EBADMSG);
        CHECK_EQUAL(fault.kind, VERIFY_MANIFEST);
        CHECK_STRING(fault.file, "manifest");
        CHECK(strstr(problem.text, "'manifest' is missing") != NULL);
        store_close(fixture_open(folder, &grid, 4));
        CHECK(verify(folder, &report, &fault, &problem) == 0);
        CHECK(report.complete && report.n_unlisted == 0);
        grid_done(&grid);
}

static void test_missing_segment_is_named(void) {
        const char *folder = fixture_folder();
        VerifyReport report;
        VerifyFault fault;
        Problem problem;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        fixture_store(folder, &grid, 3, 12);
        fixture_remove(folder, "000000000006.primes");
        CHECK(verify(folder, &report, &fault, &problem) == -EBADMSG);
        CHECK_EQUAL(fault.kind, VERIFY_MISSING);
        CHECK_EQUAL(fault.block, 6);
        CHECK_STRING(fault.file, "000000000006.primes");
        grid_done(&grid);
}

/* A segment that is sound in itself, of the same job, but with other primes. */
static void test_exchanged_contents_are_found(void) {
        const char *folder = fixture_folder(), *forged = fixture_folder();
        _cleanup_free_ uint8_t *data = NULL;
        VerifyReport report;
        VerifyFault fault;
        Problem problem;
        FixtureBlock block;
        size_t size;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 4);
        fixture_store(folder, &grid, 2, 4);
        store = fixture_open(forged, &grid, 2);
        CHECK(fixture_put(store, &grid, 0) == 0);
        fixture_block(&grid, 1, &block);
        memset(block.packed, 0, block.n_bytes);
        memset(block.bitmap, 0, block.n_bytes);
        block.block.codec = PACK_RAW;
        block.block.packed_size = block.n_bytes;
        block.block.count = 0;
        checksum_sha256(block.bitmap, block.n_bytes, block.block.digest);
        CHECK(store_put(store, &block.block, NULL) == 0);
        fixture_block_done(&block);
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        CHECK(verify(forged, &report, &fault, &problem) == 0);

        data = fixture_read(forged, "000000000000.primes", &size);
        fixture_write(folder, "000000000000.primes", data, size);
        CHECK(verify(folder, &report, &fault, &problem) == -EBADMSG);
        CHECK_EQUAL(fault.kind, VERIFY_RANK);
        CHECK_STRING(fault.file, "000000000000.primes");
        grid_done(&grid);
}

/* All checksums right, but the bitmap is not what the record says: only unpacking shows it. */
static void test_wrong_bitmap_under_right_checksums(void) {
        const char *folder = fixture_folder(), *name = "000000000000.primes";
        _cleanup_free_ uint8_t *data = NULL;
        VerifyReport report;
        VerifyFault fault;
        Problem problem;
        uint8_t *record;
        size_t size;
        Footer footer;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 3);
        fixture_store(folder, &grid, 3, 3);
        data = fixture_read(folder, name, &size);
        CHECK(footer_decode(data, size, &footer) == 0);
        record = data + footer.entries[1].offset;
        record[32 + BLOCK_DIGEST_SIZE]++; /* the part of the digest that the footer does not repeat */
        put_le64(record + 128, checksum_xxh3(record, 128));
        fixture_write(folder, name, data, size);
        CHECK(verify(folder, &report, &fault, &problem) == -EBADMSG);
        CHECK_EQUAL(fault.kind, VERIFY_CONTENTS);
        CHECK_EQUAL(fault.block, 1);
        CHECK(strstr(problem.text, "digest") != NULL);
        footer_done(&footer);
        grid_done(&grid);
}

static uint64_t n_told;

/* Right digests, and other facts under right checksums: only sieving again shows it. */
static void test_wrong_facts_of_digests_are_found(void) {
        enum { GAP = 80, TWINS = 104, CLASSES = 112, PROVED = 176 };
        static const size_t places[] = { GAP, TWINS, CLASSES + 8, PROVED };
        const char *folder = fixture_folder(), *name = "000000000000.primes";
        const VerifyOptions options = { .recompute = true };
        _cleanup_free_ uint8_t *data = NULL;
        VerifyReport report;
        VerifyFault fault;
        Problem problem;
        Store *store;
        size_t size;
        Grid grid;

        fixture_grid(&grid, "10^200", 2);
        CHECK(store_open(&disk_system, folder, &grid, &(StoreOptions) { 2, STORE_KEEP_DIGEST, 0 }, &store, NULL) == 0);
        for (uint64_t i = 0; i < 2; i++) {
                BlockSieve *sieve = block_sieve_new(&grid);
                FixtureBlock block;

                fixture_block(&grid, i, &block);
                CHECK(block_sieve_compute(sieve, i, 2, block.bitmap) == 0);
                block.block.bitmap = block.bitmap;
                block.block.count = bitmap_count(block.bitmap, block.n_bytes);
                checksum_sha256(block.bitmap, block.n_bytes, block.block.digest);
                CHECK(store_put(store, &block.block, NULL) == 0);
                fixture_block_done(&block);
                block_sieve_free(sieve);
        }
        CHECK(store_commit(store, NULL, NULL) == 0);
        store_close(store);
        CHECK(verify_store(folder, &options, &report, &fault, NULL) == 0);
        CHECK_EQUAL(report.n_recomputed, 2);

        data = fixture_read(folder, name, &size);
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                uint8_t *footer = data + FILE_HEADER_SIZE;
                size_t n = size - FILE_HEADER_SIZE;
                uint64_t proved = get_le64(footer + PROVED);

                put_le64(footer + places[i], get_le64(footer + places[i]) + 1);
                if (places[i] == PROVED) /* the sum with the others stays */
                        put_le64(footer + PROVED + 8, get_le64(footer + PROVED + 8) - 1);
                put_le64(footer + n - 8, checksum_xxh3(footer, n - 8));
                fixture_write(folder, name, data, size);
                CHECK(verify(folder, &report, &fault, &problem) == 0);
                CHECK(verify_store(folder, &options, &report, &fault, NULL) == -EBADMSG);
                CHECK_EQUAL(fault.kind, VERIFY_FOOTER);
                CHECK_EQUAL(fault.offset / 8, (FILE_HEADER_SIZE + places[i]) / 8);
                put_le64(footer + places[i], get_le64(footer + places[i]) - 1);
                if (places[i] == PROVED)
                        put_le64(footer + PROVED + 8, get_le64(footer + PROVED + 8) + 1);
                CHECK_EQUAL(get_le64(footer + PROVED), proved);
        }
        grid_done(&grid);
}

static void count_fault(const VerifyFault *fault, const char *sentence, void *userdata) {
        ++*(uint64_t *) userdata;
}

static void on_fault(const VerifyFault *fault, const char *sentence, void *userdata) {
        CHECK(sentence[0] != '\0' && fault->kind != VERIFY_INTACT);
        CHECK_EQUAL(fault->block, *(uint64_t *) userdata);
        ++*(uint64_t *) userdata;
        n_told++;
}

/* Made-up bitmaps: every checksum is right, and no prime. Only computing them again shows it. */
static void test_lies_are_found_by_recomputing(void) {
        for (StoreKeep keep = STORE_KEEP_FULL; keep <= STORE_KEEP_DIGEST; keep++) {
                const char *folder = fixture_folder();
                uint64_t next = 0;
                const VerifyOptions options = { .recompute = true, .on_fault = on_fault, .userdata = &next };
                VerifyReport report;
                VerifyFault fault;
                Problem problem;
                Store *store;
                Grid grid;

                fixture_grid(&grid, "10^100", 3);
                CHECK(store_open(&disk_system, folder, &grid, &(StoreOptions) { 1, keep }, &store, NULL) == 0);
                for (uint64_t i = 0; i < 3; i++)
                        CHECK(fixture_put(store, &grid, i) == 0);
                CHECK(store_commit(store, NULL, NULL) == 0);
                store_close(store);
                CHECK(verify(folder, &report, &fault, &problem) == 0);
                CHECK_EQUAL(report.digest_blocks, keep == STORE_KEEP_DIGEST ? 3 : 0);
                n_told = 0;
                CHECK(verify_store(folder, &options, &report, &fault, &problem) == -EBADMSG);
                CHECK_EQUAL(n_told, 3);
                CHECK_EQUAL(report.n_faults, 3);
                CHECK_EQUAL(fault.kind, VERIFY_CONTENTS);
                CHECK(fault.has_block && fault.block == 0);
                CHECK(strstr(problem.text, "sieved again") != NULL);
                grid_done(&grid);
        }
}

/* All faults of a store, not only the first. */
static void test_every_fault_is_told(void) {
        const char *folder = fixture_folder();
        static const char *const names[] = { "000000000000.primes", "000000000006.primes", "manifest" };
        VerifyReport report;
        VerifyFault fault;
        Problem problem = PROBLEM_NONE;
        Grid grid;
        uint64_t n = 0;

        fixture_grid(&grid, FIXTURE_FROM, 12);
        fixture_store(folder, &grid, 3, 12);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ uint8_t *data = NULL;
                size_t size;

                data = fixture_read(folder, names[i], &size);
                data[100] ^= 1;
                fixture_write(folder, names[i], data, size);
        }
        CHECK(verify_store(folder, &(VerifyOptions) { .on_fault = count_fault, .userdata = &n }, &report, &fault,
                           &problem) == -EBADMSG);
        CHECK_EQUAL(n, 3);
        CHECK_EQUAL(report.n_faults, 3);
        CHECK_STRING(fault.file, "manifest");
        CHECK(strstr(problem.text, "manifest") != NULL);
        grid_done(&grid);
}

static void test_not_a_store(void) {
        const char *folder = fixture_folder();
        VerifyReport report;
        VerifyFault fault;
        Problem problem;
        char path[512];

        CHECK(verify(folder, &report, &fault, &problem) == -ENOENT);
        CHECK(strstr(problem.text, "not a store") != NULL);
        (void) snprintf(path, sizeof path, "%s/nothing", folder);
        CHECK(verify(path, &report, &fault, &problem) == -ENOENT);
        CHECK(problem.text[0] != '\0');
}

int main(void) {
        RUN(test_intact_store_is_intact);
        RUN(test_each_flipped_byte_of_a_segment_is_found);
        RUN(test_each_cut_of_a_segment_is_found);
        RUN(test_each_flipped_byte_of_other_files_is_found);
        RUN(test_torn_tail_is_no_fault);
        RUN(test_coverage_is_told);
        RUN(test_unlisted_segments);
        RUN(test_missing_segment_is_named);
        RUN(test_exchanged_contents_are_found);
        RUN(test_wrong_bitmap_under_right_checksums);
        RUN(test_lies_are_found_by_recomputing);
        RUN(test_wrong_facts_of_digests_are_found);
        RUN(test_every_fault_is_told);
        RUN(test_not_a_store);
        return tests_end();
}
