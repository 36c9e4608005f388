/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counts and walks over random intervals, against the primes of the whole store as a plain list. */

#include "store/reader-interval.h"

#include <errno.h>

#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "store/fixture.h"
#include "test.h"

/* Offsets from the job's first number of all that is set. */
typedef struct List {
        uint64_t *offsets;
        size_t n;
} List;

static void list_add(List *list, const mpz_t from, const mpz_t start, uint64_t offset) {
        _cleanup_mpz_ mpz_t number;

        mpz_init(number);
        number_add_u64(number, start, offset);
        mpz_sub(number, number, from);
        list->offsets = reallocarray(list->offsets, list->n + 1, sizeof *list->offsets);
        CHECK(list->offsets != NULL);
        list->offsets[list->n++] = number_get_u64(number);
}

/* As slow and plain as it can be: bit by bit. */
static List list_all(const Grid *grid, uint64_t n_blocks) {
        _cleanup_mpz_ mpz_t start;
        List list = {};

        mpz_init(start);
        for (uint64_t i = 0; i < n_blocks; i++) {
                FixtureBlock block;
                GridBlock cell;

                fixture_block(grid, i, &block);
                grid_block(grid, i, start, &cell);
                for (uint64_t n = cell.low; n < cell.high; n++) {
                        bool small = mpz_sgn(start) == 0 && (n == 2 || n == 3 || n == 5);
                        uint8_t bit = bitmap_residue_bit[n % 30];

                        if (small || (bit < 8 && block.bitmap[n / 30] >> bit & 1))
                                list_add(&list, grid->from, start, n);
                }
                fixture_block_done(&block);
        }
        return list;
}

static void check_interval(Reader *reader, const List *list, uint64_t low, uint64_t high) {
        _cleanup_mpz_ mpz_t a, b, number;
        size_t first = 0, n;
        ReaderWalk walk;
        uint64_t count;

        mpz_init(a);
        mpz_init(b);
        mpz_init(number);
        number_add_u64(a, reader_grid(reader)->from, low);
        number_add_u64(b, reader_grid(reader)->from, high);
        while (first < list->n && list->offsets[first] < low)
                first++;
        n = first;
        while (n < list->n && list->offsets[n] < high)
                n++;

        CHECK(reader_count(reader, a, b, &count, NULL) == 0);
        CHECK_EQUAL(count, n - first);

        CHECK(reader_walk_init(&walk, reader, a, b, NULL) == 0);
        while (reader_walk_next(&walk, NULL) > 0) {
                uint64_t offset;
                BitmapWalk bits;

                if (mpz_sgn(walk.start) == 0)
                        for (uint64_t p = 2; p <= 5; p += p == 2 ? 1 : 2)
                                if (p >= walk.cell.low && p < walk.cell.high)
                                        CHECK_EQUAL(list->offsets[first++], p - mpz_get_ui(reader_grid(reader)->from));
                bitmap_walk_init(&bits, walk.bitmap, walk.n_bytes);
                while (bitmap_walk_next(&bits, &offset)) {
                        number_add_u64(number, walk.start, offset);
                        mpz_sub(number, number, reader_grid(reader)->from);
                        CHECK(first < n);
                        CHECK_EQUAL(list->offsets[first++], number_get_u64(number));
                }
        }
        CHECK_EQUAL(first, n);
        reader_walk_done(&walk);
}

static void check_job(const char *from, uint64_t n_job, uint64_t n_blocks, unsigned n_intervals, Random *random) {
        const char *folder = fixture_folder();
        _cleanup_mpz_ mpz_t coverage;
        Reader *reader;
        uint64_t length;
        List list;
        Grid grid;

        mpz_init(coverage);
        fixture_grid(&grid, from, n_job);
        fixture_store(folder, &grid, 4, n_blocks);
        list = list_all(&grid, n_blocks);
        CHECK(reader_open(folder, &reader, NULL) == 0);
        reader_coverage(reader, coverage);
        mpz_sub(coverage, coverage, grid.from);
        length = number_get_u64(coverage);
        check_interval(reader, &list, 0, length);
        check_interval(reader, &list, 0, 0);
        for (unsigned i = 0; i < n_intervals; i++) {
                uint64_t a = random_below(random, length + 1), b = random_below(random, length + 1);

                if (i % 4 == 0)
                        b = MIN(a + random_below(random, 100), length);
                if (i % 4 == 1)
                        a = a / grid.block_length * grid.block_length;
                check_interval(reader, &list, MIN(a, b), MAX(a, b));
        }
        reader_close(reader);
        free(list.offsets);
        grid_done(&grid);
}

static void test_large_integers(void) {
        Random random;

        random_init(&random, fixture_seed());
        check_job(FIXTURE_FROM, 26, 26, 200, &random);
        check_job(FIXTURE_FROM, 0, 23, 200, &random);
}

/* From 0, where 2, 3 and 5 live: a block here is 31 million numbers. */
static void test_smallest_integers(void) {
        const char *folder = fixture_folder();
        _cleanup_mpz_ mpz_t zero, number;
        Reader *reader;
        uint64_t count;
        Grid grid;

        mpz_init(zero);
        mpz_init(number);
        fixture_grid(&grid, "0", 1);
        fixture_store(folder, &grid, 4, 1);
        CHECK(reader_open(folder, &reader, NULL) == 0);
        for (unsigned n = 0; n <= 6; n++) {
                static const unsigned expected[] = { 0, 0, 0, 1, 2, 2, 3 };

                mpz_set_ui(number, n);
                CHECK(reader_count(reader, zero, number, &count, NULL) == 0);
                CHECK_EQUAL(count, expected[n]);
        }
        reader_close(reader);
        grid_done(&grid);
}

static void test_beyond_coverage_is_refused(void) {
        const char *folder = fixture_folder();
        Problem problem = PROBLEM_NONE;
        _cleanup_mpz_ mpz_t low, high;
        ReaderWalk walk;
        Reader *reader;
        uint64_t count;
        Grid grid;

        mpz_init(low);
        mpz_init(high);
        fixture_grid(&grid, FIXTURE_FROM, 9);
        fixture_store(folder, &grid, 4, 6);
        CHECK(reader_open(folder, &reader, NULL) == 0);
        reader_coverage(reader, high);
        mpz_sub_ui(low, grid.from, 1);
        CHECK(reader_count(reader, low, high, &count, &problem) == -ERANGE);
        CHECK(strstr(problem.text, "covers") != NULL);
        mpz_add_ui(high, high, 1);
        CHECK(reader_count(reader, grid.from, high, &count, NULL) == -ERANGE);
        CHECK(reader_walk_init(&walk, reader, grid.from, high, NULL) == -ERANGE);
        mpz_sub_ui(high, high, 1);
        CHECK(reader_count(reader, grid.from, high, &count, NULL) == 0);
        reader_close(reader);
        grid_done(&grid);
}

/* By a walk. */
static int count_all(const char *folder, uint64_t *ret, Problem *problem) {
        _cleanup_(reader_closep) Reader *reader = NULL;
        _cleanup_mpz_ mpz_t coverage;
        uint64_t count = 0;
        ReaderWalk walk;
        int r;

        mpz_init(coverage);
        r = reader_open(folder, &reader, problem);
        if (r < 0)
                return r;
        reader_coverage(reader, coverage);
        r = reader_walk_init(&walk, reader, reader_grid(reader)->from, coverage, problem);
        if (r < 0)
                return r;
        while ((r = reader_walk_next(&walk, problem)) > 0)
                count += bitmap_count(walk.bitmap, walk.n_bytes);
        reader_walk_done(&walk);
        *ret = count;
        return r;
}

/* A flipped bit, wherever it is, or a missing end, however short: the file is named, and the walk ends. */
static void test_damaged_segments_are_not_walked(void) {
        const char *folder = fixture_folder(), *name = "000000000003.primes";
        uint64_t expected, count;
        uint8_t *data;
        size_t size;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 9);
        fixture_store(folder, &grid, 3, 9);
        CHECK(count_all(folder, &expected, NULL) == 0);
        data = fixture_read(folder, name, &size);
        for (size_t i = 0; i < 2 * size; i += 3) {
                Problem problem = PROBLEM_NONE;

                if (i < size) {
                        data[i] ^= (uint8_t) (1 << i % 8);
                        fixture_write(folder, name, data, size);
                        data[i] ^= (uint8_t) (1 << i % 8);
                } else
                        fixture_write(folder, name, data, i - size);
                CHECK(count_all(folder, &count, &problem) < 0);
                CHECK(strstr(problem.text, name) != NULL);
        }
        fixture_write(folder, name, data, size);
        CHECK(count_all(folder, &count, NULL) == 0);
        CHECK_EQUAL(count, expected);
        free(data);
        grid_done(&grid);
}

int main(void) {
        RUN(test_large_integers);
        RUN(test_smallest_integers);
        RUN(test_beyond_coverage_is_refused);
        RUN(test_damaged_segments_are_not_walked);
        return tests_end();
}
