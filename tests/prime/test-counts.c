/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Counts of primes in facts.tsv. The second argument is the greatest width that is counted: 2000000 takes seconds,
 * 10^11 up to an hour.
 */

#include "prime/bitmap.h"
#include "prime/facts.h"
#include "prime/job-walk.h"

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

/* The n-th prime is one, and has n - 1 before it. */
static void test_nth_primes(void) {
        _cleanup_mpz_ mpz_t zero, prime;
        unsigned n_rows = 0;
        Facts facts;

        mpz_inits(zero, prime, NULL);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "nth")) {
                facts_number(&facts, 2, prime);
                if (mpz_cmp_ui(prime, 20000000) > 0 && !is_narrow(zero, prime))
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
        RUN(test_nth_primes);
        RUN(test_sums);
        return tests_end();
}
