/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Counts of primes in facts.tsv. The second argument is the greatest width that is counted: 2000000 takes seconds,
 * 10^11 up to an hour. Where primes are found fastest, a few wider ones are counted, too.
 */

#include "base/random.h"
#include "prime/bitmap.h"
#include "prime/facts.h"
#include "prime/job-walk.h"
#include "seed.h"

#define PIECE UINT64_C(100000000000)

static const char *folder;
static uint64_t width_max;

typedef struct Sums {
        uint64_t count, sum; /* the sum modulo 2^64 */
} Sums;

/* The sum of the numbers whose bits are set. */
static uint64_t sum_bitmap(uint64_t start, const uint8_t *bitmap, size_t n_bytes) {
        BitmapWalk walk;
        uint64_t offset, sum = 0;

        bitmap_walk_init(&walk, bitmap, n_bytes);
        while (bitmap_walk_next(&walk, &offset))
                sum += start + offset;
        return sum;
}

/* The primes in [first, last]. */
static Sums count_primes(const mpz_t first, const mpz_t last, bool want_sum) {
        _cleanup_mpz_ mpz_t end;
        Sums sums = {};
        JobWalk walk;

        mpz_init(end);
        mpz_add_ui(end, last, 1);
        job_walk_init(&walk, first, end);
        while (job_walk_next(&walk)) {
                sums.count += bitmap_count(walk.bitmap, walk.n_bytes);
                sums.count += bitmap_small_primes(&walk.block, mpz_sgn(walk.start) == 0);
                if (want_sum)
                        sums.sum += sum_bitmap(number_get_u64(walk.start), walk.bitmap, walk.n_bytes);
        }
        job_walk_done(&walk);
        return sums;
}

static bool is_narrow(const mpz_t first, const mpz_t last) {
        _cleanup_mpz_ mpz_t width;

        mpz_init(width);
        mpz_sub(width, last, first);
        return mpz_sizeinbase(width, 2) <= 64 && number_get_u64(width) <= width_max;
}

static void test_pi(void) {
        _cleanup_mpz_ mpz_t zero, limit;
        unsigned n_rows = 0;
        Facts facts;

        mpz_inits(zero, limit, NULL);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "pi")) {
                facts_number(&facts, 1, limit);
                if (!is_narrow(zero, limit))
                        continue;
                CHECK_EQUAL(count_primes(zero, limit, false).count, facts_u64(&facts, 2));
                n_rows++;
        }
        CHECK(n_rows >= 6);
        facts_done(&facts);
}

static void test_intervals(void) {
        _cleanup_mpz_ mpz_t first, last;
        unsigned n_rows = 0;
        Facts facts;

        mpz_inits(first, last, NULL);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "count")) {
                facts_number(&facts, 1, first);
                facts_number(&facts, 2, last);
                if (!is_narrow(first, last))
                        continue;
                printf("# %s to %s\n", facts.columns[1], facts.columns[2]);
                CHECK_EQUAL(count_primes(first, last, false).count, facts_u64(&facts, 3));
                n_rows++;
        }
        CHECK(n_rows >= 20);
        facts_done(&facts);
}

/* Ten times as wide, where that takes some ten seconds: the interval at 10^13, and one of the pieces from 0 on. */
static void test_wide_intervals(void) {
        _cleanup_mpz_ mpz_t first, last;
        uint64_t piece, width = 10 * width_max;
        unsigned n_rows = 0;
        Random random;
        Facts facts;

        random_init(&random, test_seed());
        piece = 1 + random_below(&random, 99);
        mpz_inits(first, last, NULL);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, NULL)) {
                bool is_piece = strcmp(facts.columns[0], "piece") == 0;

                if (!is_piece && strcmp(facts.columns[0], "count") != 0)
                        continue;
                facts_number(&facts, 1, first);
                if (is_piece && (mpz_sgn(first) != 0 || facts_u64(&facts, 2) != piece))
                        continue;
                if (is_piece)
                        number_set_u64(first, (piece - 1) * PIECE);
                else
                        facts_number(&facts, 2, last);
                if (is_piece)
                        number_add_u64(last, first, PIECE);
                mpz_sub(last, last, first);
                if (mpz_sizeinbase(last, 2) > 64 || number_get_u64(last) != width || mpz_sizeinbase(first, 2) > 44)
                        continue;
                mpz_add(last, last, first);
                printf("# %s %s %s\n", facts.columns[0], facts.columns[1], facts.columns[2]);
                CHECK_EQUAL(count_primes(first, last, false).count, facts_u64(&facts, 3));
                n_rows++;
        }
        CHECK(n_rows == 2 || width != PIECE);
        facts_done(&facts);
}

/* The n-th prime is one, and has n - 1 before it. */
static void test_nth_primes(void) {
        _cleanup_mpz_ mpz_t zero, prime, third;
        unsigned n_rows = 0;
        Facts facts;

        mpz_inits(zero, prime, third, NULL);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "nth")) {
                facts_number(&facts, 2, prime);
                mpz_tdiv_q_ui(third, prime, 3); /* small numbers are quick */
                if (mpz_cmp_ui(prime, 20000000) > 0 && !is_narrow(zero, third))
                        continue;
                CHECK_EQUAL(count_primes(zero, prime, false).count, facts_u64(&facts, 1));
                CHECK_EQUAL(count_primes(prime, prime, false).count, 1);
                n_rows++;
        }
        CHECK(n_rows >= 1);
        facts_done(&facts);
}

static void test_sums(void) {
        _cleanup_mpz_ mpz_t zero, limit;
        unsigned n_rows = 0;
        Facts facts;

        mpz_inits(zero, limit, NULL);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "sum")) {
                facts_number(&facts, 1, limit);
                if (n_rows > 0 && !is_narrow(zero, limit))
                        continue;
                CHECK(count_primes(zero, limit, true).sum + 2 + 3 + 5 == facts_u64(&facts, 2));
                n_rows++;
        }
        CHECK(n_rows >= 1);
        facts_done(&facts);
}

int main(int argc, char *argv[]) {
        _cleanup_mpz_ mpz_t limit;

        mpz_init(limit);
        CHECK(argc == 3 && number_parse(limit, argv[2], NULL) == 0);
        folder = argv[1];
        width_max = number_get_u64(limit);
        RUN(test_pi);
        RUN(test_intervals);
        RUN(test_wide_intervals);
        RUN(test_nth_primes);
        RUN(test_sums);
        return tests_end();
}
