/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists of primes in both directions, and where the last ones begin, against the walk from bit to bit. */

#include "store/prime-walk.h"

#include <errno.h>

#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "store/fixture.h"
#include "test.h"

/* Offsets from the job's first number. */
typedef struct List {
        uint64_t *offsets;
        size_t n;
} List;

static void list_add(List *list, const mpz_t from, const mpz_t start, uint64_t offset) {
        _cleanup_mpz_ mpz_t number;

        mpz_init(number);
        number_add_u64(number, start, offset);
        mpz_sub(number, number, from);
        if (list->n % 1024 == 0)
                list->offsets = reallocarray(list->offsets, list->n + 1024, sizeof *list->offsets);
        CHECK(list->offsets != NULL);
        list->offsets[list->n++] = number_get_u64(number);
}

static List list_bits(Reader *reader, const mpz_t low, const mpz_t high) {
        ReaderWalk walk;
        List list = {};

        CHECK(reader_walk_init(&walk, reader, low, high, NULL) == 0);
        while (reader_walk_next(&walk, NULL) > 0) {
                uint64_t offset;
                BitmapWalk bits;

                for (offset = 2; mpz_sgn(walk.start) == 0 && offset <= 5; offset++)
                        if (offset != 4 && offset >= walk.cell.low && offset < walk.cell.high)
                                list_add(&list, reader_grid(reader)->from, walk.start, offset);
                bitmap_walk_init(&bits, walk.bitmap, walk.n_bytes);
                while (bitmap_walk_next(&bits, &offset))
                        list_add(&list, reader_grid(reader)->from, walk.start, offset);
        }
        reader_walk_done(&walk);
        return list;
}

static List list_walk(Reader *reader, const mpz_t low, const mpz_t high, bool reverse) {
        PrimeWalk walk;
        List list = {};

        CHECK(prime_walk_init(&walk, reader, low, high, reverse, NULL) == 0);
        while (prime_walk_next(&walk, NULL) > 0) {
                CHECK(walk.n_offsets > 0 && walk.n_offsets <= PRIME_WALK_LIST);
                for (size_t i = 0; i < walk.n_offsets; i++)
                        list_add(&list, reader_grid(reader)->from, walk.block.start, walk.offsets[i]);
        }
        CHECK_EQUAL(prime_walk_next(&walk, NULL), 0);
        prime_walk_done(&walk);
        return list;
}

static void check_last(Reader *reader, const List *list, const mpz_t low, const mpz_t high, uint64_t n) {
        _cleanup_mpz_ mpz_t found, expected;

        mpz_init(found);
        mpz_init(expected);
        CHECK(prime_walk_find_last(reader, low, high, n, found, NULL) == 0);
        if (n == 0)
                mpz_set(expected, high);
        else if (n > list->n)
                mpz_set(expected, low);
        else
                number_add_u64(expected, reader_grid(reader)->from, list->offsets[list->n - n]);
        CHECK(mpz_cmp(found, expected) == 0);
}

static void check_interval(Reader *reader, uint64_t low, uint64_t high, Random *random) {
        List bits, upwards, downwards;
        _cleanup_mpz_ mpz_t a, b;

        mpz_init(a);
        mpz_init(b);
        number_add_u64(a, reader_grid(reader)->from, low);
        number_add_u64(b, reader_grid(reader)->from, high);
        bits = list_bits(reader, a, b);
        upwards = list_walk(reader, a, b, false);
        downwards = list_walk(reader, a, b, true);
        CHECK_EQUAL(upwards.n, bits.n);
        CHECK_EQUAL(downwards.n, bits.n);
        for (size_t i = 0; i < bits.n; i++) {
                CHECK_EQUAL(upwards.offsets[i], bits.offsets[i]);
                CHECK_EQUAL(downwards.offsets[bits.n - 1 - i], bits.offsets[i]);
        }
        check_last(reader, &bits, a, b, 0);
        check_last(reader, &bits, a, b, 1);
        check_last(reader, &bits, a, b, bits.n);
        check_last(reader, &bits, a, b, bits.n + 1);
        check_last(reader, &bits, a, b, random_below(random, bits.n + 2));
        free(bits.offsets);
        free(upwards.offsets);
        free(downwards.offsets);
}

static void check_job(const char *from, uint64_t n_job, uint64_t n_blocks, unsigned n_intervals, Random *random) {
        const char *folder = fixture_folder();
        _cleanup_mpz_ mpz_t coverage;
        uint64_t length;
        Reader *reader;
        Grid grid;

        mpz_init(coverage);
        fixture_grid(&grid, from, n_job);
        fixture_store(folder, &grid, 4, n_blocks);
        CHECK(reader_open(folder, &reader, NULL) == 0);
        reader_coverage(reader, coverage);
        mpz_sub(coverage, coverage, grid.from);
        length = number_get_u64(coverage);
        check_interval(reader, 0, length, random);
        check_interval(reader, 0, 0, random);
        for (unsigned i = 0; i < n_intervals; i++) {
                uint64_t a = random_below(random, length + 1), b = random_below(random, length + 1);

                if (i % 4 == 0)
                        b = MIN(a + random_below(random, 100), length);
                if (i % 4 == 1)
                        a = a / grid.block_length * grid.block_length;
                check_interval(reader, MIN(a, b), MAX(a, b), random);
        }
        reader_close(reader);
        grid_done(&grid);
}

static void test_large_integers(void) {
        Random random;

        random_init(&random, fixture_seed());
        check_job(FIXTURE_FROM, 26, 26, 100, &random);
        check_job(FIXTURE_FROM, 0, 23, 100, &random);
}

/* Lists that do not end with the block. */
static void test_large_blocks(void) {
        Random random;

        random_init(&random, fixture_seed());
        check_job("10^15", 2, 2, 3, &random);
}

/* From 0, where 2, 3 and 5 live. */
static void test_smallest_integers(void) {
        const char *folder = fixture_folder();
        Reader *reader;
        Random random;
        Grid grid;

        random_init(&random, fixture_seed());
        fixture_grid(&grid, "0", 1);
        fixture_store(folder, &grid, 4, 1);
        CHECK(reader_open(folder, &reader, NULL) == 0);
        for (uint64_t low = 0; low < 9; low++)
                for (uint64_t high = low; high < 40; high++)
                        check_interval(reader, low, high, &random);
        reader_close(reader);
        grid_done(&grid);
}

static void test_errors_come_through(void) {
        const char *folder = fixture_folder();
        Problem problem = PROBLEM_NONE;
        _cleanup_mpz_ mpz_t high;
        PrimeWalk walk;
        Reader *reader;
        uint8_t *data;
        size_t size;
        Grid grid;

        mpz_init(high);
        fixture_grid(&grid, FIXTURE_FROM, 9);
        fixture_store(folder, &grid, 4, 9);
        data = fixture_read(folder, "000000000004.primes", &size);
        data[FILE_HEADER_SIZE + RECORD_HEADER_SIZE + 3] ^= 4; /* in block 4 */
        fixture_write(folder, "000000000004.primes", data, size);
        free(data);
        CHECK(reader_open(folder, &reader, NULL) == 0);
        for (unsigned reverse = 0; reverse < 2; reverse++) {
                unsigned n_blocks = 0;
                int r;

                reader_coverage(reader, high);
                CHECK(prime_walk_init(&walk, reader, grid.from, high, reverse != 0, &problem) == 0);
                while ((r = prime_walk_next(&walk, &problem)) > 0)
                        n_blocks++; /* of 64 bytes: a list each */
                CHECK_EQUAL(r, -EBADMSG);
                CHECK_EQUAL(n_blocks, 4);
                prime_walk_done(&walk);
        }
        CHECK(prime_walk_find_last(reader, grid.from, high, UINT64_MAX, high, &problem) == -EBADMSG);
        CHECK(strstr(problem.text, "000000000004.primes") != NULL);
        mpz_add_ui(high, grid.to, 1);
        CHECK(prime_walk_init(&walk, reader, grid.from, high, false, NULL) == -ERANGE);
        reader_close(reader);
        grid_done(&grid);
}

int main(void) {
        RUN(test_large_integers);
        RUN(test_large_blocks);
        RUN(test_smallest_integers);
        RUN(test_errors_come_through);
        return tests_end();
}
