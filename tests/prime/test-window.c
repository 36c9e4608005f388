/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Windows: every size of block, every number of threads, every limit gives the bits that its definition gives. */

#include "prime/sieve/window.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/macro.h"
#include "base/random.h"
#include "prime/facts.h"
#include "prime/naive.h"
#include "prime/sieve/presieve.h"
#include "prime/team.h"
#include "prime/tunings.h"
#include "seed.h"

#define COMPLETE UINT64_MAX

static const char *folder;

static void set_start(mpz_t start, const char *word) {
        CHECK_EQUAL(number_parse(start, word, NULL), 0);
        mpz_sub_ui(start, start, mpz_fdiv_ui(start, 30));
}

static void sieve(const SieveEnvironment *environment, const SieveTuning *tuning, const mpz_t start, uint64_t length,
                  uint64_t limit, uint8_t *bitmap) {
        _cleanup_(window_freep) Window *window = window_new(environment, tuning);

        CHECK(window != NULL);
        memset(bitmap, 0xa5, (size_t) (length / 30));
        CHECK_EQUAL(window_sieve(window, start, length, limit, bitmap), 0);
}

/* All primes below 30·N by the sieve of Eratosthenes. */
static void all_primes(uint8_t *bitmap, size_t n_bytes) {
        _cleanup_free_ uint8_t *composite = calloc(30 * n_bytes, 1);

        CHECK(composite != NULL);
        composite[0] = composite[1] = 1;
        memset(bitmap, 0, n_bytes);
        for (size_t i = 2; i < 30 * n_bytes; i++) {
                for (uint64_t k = (uint64_t) i * i; !composite[i] && k < 30 * n_bytes; k += i)
                        composite[k] = 1;
                if (!composite[i] && bitmap_residue_bit[i % 30] < 8)
                        bitmap[i / 30] |= (uint8_t) (1U << bitmap_residue_bit[i % 30]);
        }
}

/* Every window that begins below 4,500 and ends below 9,000, and many others below 3 million. */
static void test_near_zero(void) {
        const size_t n_bytes = 100000;
        _cleanup_free_ uint8_t *primes = malloc(n_bytes), *got = malloc(n_bytes);
        _cleanup_(window_freep) Window *window = window_new(&(SieveEnvironment) {}, sieve_tuning_default());
        _cleanup_mpz_ mpz_t start;
        Random random;

        mpz_init(start);
        random_init(&random, test_seed());
        CHECK(primes && got && window);
        all_primes(primes, n_bytes);
        for (size_t first = 0; first < 150; first++) {
                number_set_u64(start, first * 30);
                for (size_t n = 1; n <= 150; n++) {
                        CHECK_EQUAL(window_sieve(window, start, n * 30, COMPLETE, got), 0);
                        CHECK(memcmp(got, primes + first, n) == 0);
                }
        }
        for (unsigned i = 0; i < 150; i++) {
                size_t first = (size_t) random_below(&random, n_bytes - 1);
                size_t n = 1 + (size_t) random_below(&random, n_bytes - first);
                SieveTuning tuning = tunings_draw(&random);

                number_set_u64(start, first * 30);
                sieve(&(SieveEnvironment) {}, &tuning, start, n * 30, COMPLETE, got);
                CHECK(memcmp(got, primes + first, n) == 0);
        }
}

static void check_sizes(Random *random, const char *word, uint64_t length) {
        _cleanup_free_ uint8_t *got = malloc(length / 30), *expected = malloc(length / 30);
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        CHECK(got && expected);
        set_start(start, word);
        sieve(&(SieveEnvironment) {}, sieve_tuning_default(), start, length, COMPLETE, expected);
        for (unsigned n_threads = 0; n_threads <= 4; n_threads++) {
                SieveTuning tuning = tunings_draw(random);
                SieveEnvironment environment = { .memory_max = n_threads % 2 };
                _cleanup_(test_team_done) TestTeam team;

                test_team_init(&team, MAX(n_threads, 1U));
                environment.team = n_threads > 0 ? &team.team : NULL;
                sieve(&environment, &tuning, start, length, COMPLETE, got);
                CHECK(memcmp(got, expected, length / 30) == 0);
        }
}

/* So long that there are several stretches, and that lists get full. */
static void test_sizes_do_not_matter(void) {
        Random random;

        random_init(&random, test_seed());
        check_sizes(&random, "0", 60000000);
        check_sizes(&random, "2^32-30000000", 60000000);
        check_sizes(&random, "10^12", 120000000);
        check_sizes(&random, "10^14", 60000000);
        check_sizes(&random, "10^15", 30000000);
}

/* PARI's counts of the windows at powers of two. */
static void test_windows_at_powers_of_two(void) {
        uint8_t bitmap[1000];
        unsigned n_rows = 0;
        Facts facts;

        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "window")) {
                _cleanup_mpz_ mpz_t start;
                char word[32];

                mpz_init(start);
                if (facts_u64(&facts, 1) > 64)
                        continue;
                (void) snprintf(word, sizeof word, "2^%s", facts.columns[1]);
                set_start(start, word);
                sieve(&(SieveEnvironment) {}, sieve_tuning_default(), start, 30000, COMPLETE, bitmap);
                CHECK_EQUAL(bitmap_count(bitmap, sizeof bitmap), facts_u64(&facts, 2));
                n_rows++;
        }
        CHECK(n_rows >= 7);
        facts_done(&facts);
}

/* The two ends of each maximal gap that begins below `end`, and nothing between. */
static void check_gaps(const char *end, unsigned n_rows_min) {
        _cleanup_mpz_ mpz_t start, limit;
        unsigned n_rows = 0;
        Facts facts;

        mpz_inits(start, limit, NULL);
        CHECK_EQUAL(number_parse(limit, end, NULL), 0);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "gap")) {
                uint64_t gap = facts_u64(&facts, 1), low, n_bytes;
                uint8_t bitmap[100];

                facts_number(&facts, 2, start);
                if (mpz_cmp(start, limit) >= 0)
                        continue;
                low = mpz_fdiv_ui(start, 30);
                n_bytes = (low + gap) / 30 + 1;
                CHECK(n_bytes <= sizeof bitmap);
                set_start(start, facts.columns[2]);
                sieve(&(SieveEnvironment) {}, sieve_tuning_default(), start, n_bytes * 30, COMPLETE, bitmap);
                bitmap_clip(bitmap, n_bytes, low, low + gap + 1);
                CHECK_EQUAL(bitmap_count(bitmap, n_bytes), 2);
                bitmap_clip(bitmap, n_bytes, low + 1, low + gap);
                CHECK_EQUAL(bitmap_count(bitmap, n_bytes), 0);
                n_rows++;
        }
        CHECK(n_rows >= n_rows_min);
        facts_done(&facts);
}

static void test_maximal_gaps(void) {
        check_gaps("10^16", 7);
}

static void test_all_maximal_gaps(void) {
        check_gaps("2^65", 21);
}

static void check_against_naive(const char *word) {
        uint8_t got[1000], expected[1000];
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        set_start(start, word);
        sieve(&(SieveEnvironment) {}, sieve_tuning_default(), start, 30000, COMPLETE, got);
        naive_bitmap(start, 30000, expected);
        CHECK(memcmp(got, expected, sizeof got) == 0);
}

static void test_across_2_64(void) {
        check_against_naive("2^64-15000");
}

/* With base primes of more than 32 bits. */
static void test_complete_beyond_2_64(void) {
        check_against_naive("2^65");
        check_against_naive("2^67-15000");
        check_against_naive("2^69");
}

/* Without the numbers that have a prime factor up to `limit`. */
static void expect_limited(const mpz_t start, size_t n_bytes, uint64_t limit, uint8_t *bitmap) {
        _cleanup_mpz_ mpz_t product, n;

        mpz_inits(product, n, NULL);
        mpz_primorial_ui(product, (unsigned long) MAX(limit, (uint64_t) PRESIEVE_PRIME_MAX));
        for (size_t i = 0; i < 8 * n_bytes; i++) {
                number_add_u64(n, start, i / 8 * 30 + bitmap_residues[i % 8]);
                mpz_gcd(n, n, product);
                if (i % 8 == 0)
                        bitmap[i / 8] = 0;
                if (mpz_cmp_ui(n, 1) == 0)
                        bitmap[i / 8] |= (uint8_t) (1U << i % 8);
        }
}

static void test_limits(void) {
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        _cleanup_mpz_ mpz_t start;
        Random random;

        mpz_init(start);
        random_init(&random, seed);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned i = 0; i < 60; i++) {
                uint64_t limit = random_below(&random, 200000) >> random_below(&random, 12);
                size_t n_bytes = 1 + (size_t) random_below(&random, 300);
                uint8_t got[300], expected[300];
                SieveTuning tuning = tunings_draw(&random);

                mpz_urandomb(start, state, (mp_bitcnt_t) random_below(&random, i % 3 ? 130 : 1500));
                mpz_setbit(start, 40);
                mpz_sub_ui(start, start, mpz_fdiv_ui(start, 30));
                sieve(&(SieveEnvironment) {}, &tuning, start, n_bytes * 30, limit, got);
                /* Primes a little above the limit may have been crossed off as well. */
                expect_limited(start, n_bytes, limit, expected);
                for (size_t k = 0; k < n_bytes; k++)
                        CHECK_EQUAL(got[k] & ~expected[k], 0);
                expect_limited(start, n_bytes, limit + 2000, expected);
                for (size_t k = 0; k < n_bytes; k++)
                        CHECK_EQUAL(expected[k] & ~got[k], 0);
        }
        gmp_randclear(state);
}

static void test_root(void) {
        _cleanup_mpz_ mpz_t end;

        mpz_init(end);
        CHECK_EQUAL(window_root(end), 0);
        mpz_set_ui(end, 120);
        CHECK_EQUAL(window_root(end), 10);
        mpz_set_ui(end, 121);
        CHECK_EQUAL(window_root(end), 10);
        mpz_set_ui(end, 122);
        CHECK_EQUAL(window_root(end), 11);
        mpz_set_ui(end, 0);
        mpz_setbit(end, 64);
        CHECK(window_root(end) == UINT32_MAX);
        mpz_setbit(end, 127);
        mpz_setbit(end, 128);
        CHECK(window_root(end) == UINT64_MAX);
}

typedef struct Canceller {
        atomic_bool cancel;
        uint64_t delay_usec;
} Canceller;

static void *cancel_later(void *data) {
        Canceller *canceller = data;
        struct timespec delay = { .tv_nsec = (long) canceller->delay_usec * 1000 };

        (void) nanosleep(&delay, NULL);
        atomic_store(&canceller->cancel, true);
        return NULL;
}

/* Cancelled in any of its passes, a window is right the next time. */
static void check_cancel(Random *random, const char *word, uint64_t length, unsigned n_threads) {
        _cleanup_free_ uint8_t *got = malloc(length / 30), *expected = malloc(length / 30);
        _cleanup_(test_team_done) TestTeam team;
        _cleanup_(window_freep) Window *window = NULL;
        _cleanup_mpz_ mpz_t start;
        Canceller canceller = {};
        unsigned n_cancelled = 0;
        SieveEnvironment environment = { .cancel = &canceller.cancel, .team = &team.team, .memory_max = 1 };

        mpz_init(start);
        test_team_init(&team, n_threads);
        CHECK(got && expected);
        set_start(start, word);
        sieve(&(SieveEnvironment) {}, sieve_tuning_default(), start, length, COMPLETE, expected);
        window = window_new(&environment, sieve_tuning_default());
        CHECK(window != NULL);
        for (unsigned i = 0; i < 12; i++) {
                pthread_t thread;
                int r;

                canceller.delay_usec = random_below(random, 40000);
                atomic_store(&canceller.cancel, false);
                CHECK_EQUAL(pthread_create(&thread, NULL, cancel_later, &canceller), 0);
                r = window_sieve(window, start, length, COMPLETE, got);
                CHECK_EQUAL(pthread_join(thread, NULL), 0);
                CHECK(r == 0 || r == -ECANCELED);
                n_cancelled += r < 0;
                if (r < 0) {
                        atomic_store(&canceller.cancel, false);
                        CHECK_EQUAL(window_sieve(window, start, length, COMPLETE, got), 0);
                }
                CHECK(memcmp(got, expected, length / 30) == 0);
        }
        printf("# %s, %u threads: %u of 12 cancelled in the middle\n", word, n_threads, n_cancelled);
}

static void test_cancel(void) {
        Random random;

        random_init(&random, test_seed());
        check_cancel(&random, "10^9", 60000000, 1);
        check_cancel(&random, "10^15", 60000000, 1);
        check_cancel(&random, "10^15", 60000000, 3);
}

/* With a second argument: what takes a minute. */
int main(int argc, char *argv[]) {
        CHECK(argc == 2 || argc == 3);
        folder = argv[1];
        if (argc == 3) {
                RUN(test_complete_beyond_2_64);
                RUN(test_all_maximal_gaps);
                return tests_end();
        }
        RUN(test_root);
        RUN(test_near_zero);
        RUN(test_sizes_do_not_matter);
        RUN(test_windows_at_powers_of_two);
        RUN(test_across_2_64);
        RUN(test_maximal_gaps);
        RUN(test_limits);
        RUN(test_cancel);
        return tests_end();
}
