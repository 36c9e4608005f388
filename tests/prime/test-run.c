/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel's contract: any stretch, cut in any way, cancelled at any time, gives the same bits. */

#include "prime/sieve/run.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/macro.h"
#include "base/random.h"
#include "prime/facts.h"
#include "prime/naive.h"
#include "seed.h"

static const char *folder;

/* How far the end of a run is said to be: decides which family takes it where both could. */
#define NEAR 3000000
#define FAR UINT64_C(100000000)

static SieveRun *make_run_to(const char *start, uint64_t distance, const atomic_bool *cancel, mpz_t ret_start) {
        SieveEnvironment environment = { .cancel = cancel };
        _cleanup_mpz_ mpz_t stop;
        SieveRun *run;

        mpz_init(stop);
        CHECK_EQUAL(number_parse(ret_start, start, NULL), 0);
        mpz_sub_ui(ret_start, ret_start, mpz_fdiv_ui(ret_start, 30));
        number_add_u64(stop, ret_start, distance);
        CHECK_EQUAL(sieve_run_new(ret_start, stop, &environment, &run), 0);
        return run;
}

static SieveRun *make_run(const char *start, const atomic_bool *cancel, mpz_t ret_start) {
        return make_run_to(start, NEAR, cancel, ret_start);
}

static void next(SieveRun *run, uint64_t length, uint8_t *bitmap) {
        Certainty certainty;

        memset(bitmap, 0xa5, (size_t) (length / 30));
        CHECK_EQUAL(sieve_run_next(run, length, bitmap, &certainty), 0);
}

static void check_against_naive(const char *begin, uint64_t length, uint64_t distance) {
        _cleanup_free_ uint8_t *got = malloc(length / 30), *expected = malloc(length / 30);
        _cleanup_(sieve_run_freep) SieveRun *run = NULL;
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        CHECK(got && expected);
        run = make_run_to(begin, distance, NULL, start);
        next(run, length, got);
        naive_bitmap(start, length, expected);
        CHECK(memcmp(got, expected, length / 30) == 0);
}

static void test_against_one_test_per_candidate(void) {
        check_against_naive("0", 300000, NEAR);
        check_against_naive("2^32-150000", 300000, NEAR);
        check_against_naive("10^12", 300000, NEAR);
        check_against_naive("2^64", 300000, NEAR);
        check_against_naive("2^100", 60000, NEAR);
}

static void test_across_2_64_in_one_call(void) {
        check_against_naive("2^64-150000", 300000, NEAR);
        check_against_naive("2^64-150000", 300000, FAR);
        check_against_naive("2^64-16", 30, FAR);
        check_against_naive("2^64-46", 60, NEAR);
        check_against_naive("2^64-46", 30, FAR);
}

/* Short runs below 2^64 are tested instead of sieved: no matter which, and no matter if the hint was too short. */
static void test_short_runs_below_2_64(void) {
        const uint64_t length = 30000;
        _cleanup_mpz_ mpz_t start;
        uint8_t tested[1000], sieved[1000];

        mpz_init(start);
        for (unsigned k = 28; k <= 60; k += 4) {
                _cleanup_(sieve_run_freep) SieveRun *near = NULL, *far = NULL;
                char begin[32];

                (void) snprintf(begin, sizeof begin, "2^%u", k);
                near = make_run_to(begin, length, NULL, start);
                far = make_run_to(begin, FAR, NULL, start);
                for (unsigned i = 0; i < 3; i++) {
                        next(near, length, tested);
                        next(far, length, sieved);
                        CHECK(memcmp(tested, sieved, sizeof tested) == 0);
                }
        }
}

/* One stretch, and the same numbers in stretches of random lengths. */
static void check_cuts(Random *random, const char *begin, uint64_t length) {
        _cleanup_free_ uint8_t *whole = malloc(length / 30), *parts = malloc(length / 30);
        _cleanup_(sieve_run_freep) SieveRun *run = NULL, *cut_run = NULL;
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        CHECK(whole && parts);
        run = make_run(begin, NULL, start);
        next(run, length, whole);
        cut_run = make_run(begin, NULL, start);
        for (uint64_t done = 0; done < length / 30;) {
                uint64_t n = 1 + random_below(random, MIN(length / 30 - done, length / 30 / 4));

                next(cut_run, n * 30, parts + done);
                done += n;
        }
        CHECK(memcmp(whole, parts, length / 30) == 0);
}

static void test_consecutive_stretches_are_one(void) {
        Random random;

        random_init(&random, test_seed());
        check_cuts(&random, "0", 6000000);
        check_cuts(&random, "2^32-1000000", 6000000);
        check_cuts(&random, "10^14", 6000000);
        check_cuts(&random, "2^64-300000", 600000);
        check_cuts(&random, "2^64-45", 3000);
        check_cuts(&random, "2^80", 600000);
        check_cuts(&random, "2^256", 30000);
}

static void test_windows_at_powers_of_two(void) {
        _cleanup_mpz_ mpz_t start;
        uint8_t bitmap[1000];
        unsigned n_rows = 0;
        Facts facts;

        mpz_init(start);
        facts_open(&facts, folder, "facts.tsv");
        for (; facts_next(&facts, "window"); n_rows++) {
                _cleanup_(sieve_run_freep) SieveRun *run = NULL;
                char begin[32];

                (void) snprintf(begin, sizeof begin, "2^%s", facts.columns[1]);
                run = make_run(begin, NULL, start);
                next(run, 30000, bitmap);
                CHECK_EQUAL(bitmap_count(bitmap, sizeof bitmap), facts_u64(&facts, 2));
        }
        CHECK(n_rows >= 20);
        facts_done(&facts);
}

/* The bit of every composite that fools a weaker test is clear. */
static void test_known_composites_are_clear(void) {
        unsigned n_rows = 0;
        Facts facts;

        facts_open(&facts, folder, "facts.tsv");
        for (; facts_next(&facts, "composite"); n_rows++) {
                _cleanup_(sieve_run_freep) SieveRun *run = NULL;
                _cleanup_mpz_ mpz_t n, start;
                unsigned bit;
                uint8_t byte;

                mpz_inits(n, start, NULL);
                facts_number(&facts, 1, n);
                run = make_run(facts.columns[1], NULL, start);
                next(run, 30, &byte);
                bit = bitmap_residue_bit[mpz_fdiv_ui(n, 30)];
                CHECK(bit == 8 || (byte >> bit & 1) == 0);
        }
        CHECK(n_rows >= 58);
        facts_done(&facts);
}

static void test_pi_of_powers_of_ten(void) {
        _cleanup_free_ uint8_t *bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        _cleanup_mpz_ mpz_t limit, zero;
        Facts facts;

        mpz_inits(limit, zero, NULL);
        CHECK(bitmap != NULL);
        facts_open(&facts, folder, "facts.tsv");
        for (unsigned k = 0; k < 8 && facts_next(&facts, "pi"); k++) {
                _cleanup_(sieve_run_freep) SieveRun *run = NULL;
                uint64_t count = 3, end;

                facts_number(&facts, 1, limit);
                end = number_get_u64(limit);
                CHECK_EQUAL(sieve_run_new(zero, limit, &(SieveEnvironment) {}, &run), 0);
                for (uint64_t start = 0; start < end; start += GRID_BLOCK_LENGTH_MAX) {
                        next(run, GRID_BLOCK_LENGTH_MAX, bitmap);
                        if (end - start < GRID_BLOCK_LENGTH_MAX)
                                bitmap_clip(bitmap, GRID_BLOCK_BYTES_MAX, 0, end - start);
                        count += bitmap_count(bitmap, GRID_BLOCK_BYTES_MAX);
                }
                CHECK_EQUAL(count, facts_u64(&facts, 2));
        }
        facts_done(&facts);
}

static void test_certainty(void) {
        _cleanup_(sieve_run_freep) SieveRun *run = NULL;
        _cleanup_mpz_ mpz_t n;
        Certainty certainty;
        uint8_t bitmap[4];

        mpz_init(n);
        CHECK(certainty_of(n) == CERTAINTY_PROVED);
        mpz_setbit(n, 64);
        CHECK(certainty_of(n) == CERTAINTY_PROVED);
        mpz_sub_ui(n, n, 1);
        CHECK(certainty_of(n) == CERTAINTY_PROVED);
        mpz_add_ui(n, n, 2);
        CHECK(certainty_of(n) == CERTAINTY_BPSW);
        mpz_setbit(n, 200);
        CHECK(certainty_of(n) == CERTAINTY_BPSW);

        run = make_run("2^64-76", NULL, n);
        CHECK_EQUAL(sieve_run_next(run, 60, bitmap, &certainty), 0);
        CHECK_EQUAL(certainty, CERTAINTY_PROVED);
        CHECK_EQUAL(sieve_run_next(run, 30, bitmap, &certainty), 0);
        CHECK_EQUAL(certainty, CERTAINTY_BPSW);

        CHECK_STRING(certainty_name(CERTAINTY_PROVED), "proved");
        CHECK_STRING(certainty_name(CERTAINTY_BPSW), "bpsw");
        CHECK(certainty_name((Certainty) 0) == NULL);
        CHECK(certainty_name(_CERTAINTY_MAX) == NULL);
}

/* A run that was cancelled before, between and in the middle of stretches goes on as if nothing had been. */
static void check_cancel_between(const char *begin, uint64_t length) {
        _cleanup_free_ uint8_t *got = malloc(length / 30), *expected = malloc(length / 30);
        _cleanup_(sieve_run_freep) SieveRun *run = NULL, *undisturbed = NULL;
        _cleanup_mpz_ mpz_t start;
        atomic_bool cancel = true;
        Certainty certainty = CERTAINTY_PROVED;

        mpz_init(start);
        CHECK(got && expected);
        run = make_run(begin, &cancel, start);
        undisturbed = make_run(begin, NULL, start);
        for (unsigned i = 0; i < 3; i++) {
                atomic_store(&cancel, true);
                CHECK_EQUAL(sieve_run_next(run, length, got, &certainty), -ECANCELED);
                atomic_store(&cancel, false);
                next(run, length, got);
                next(undisturbed, length, expected);
                CHECK(memcmp(got, expected, length / 30) == 0);
        }
}

static void test_cancel_between_stretches(void) {
        check_cancel_between("0", 3000000);
        check_cancel_between("10^12", 3000000);
        check_cancel_between("2^70", 90000);
        check_cancel_between("2^512", 900);
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

/* Cancelled by another thread while it works, again and again, until a stretch gets through. */
static void check_cancel_inside(Random *random, const char *begin, uint64_t length) {
        _cleanup_free_ uint8_t *got = malloc(length / 30), *expected = malloc(length / 30);
        _cleanup_(sieve_run_freep) SieveRun *run = NULL, *undisturbed = NULL;
        Canceller canceller = {};
        unsigned n_cancelled = 0;
        _cleanup_mpz_ mpz_t start;

        mpz_init(start);
        CHECK(got && expected);
        run = make_run(begin, &canceller.cancel, start);
        undisturbed = make_run(begin, NULL, start);
        for (unsigned i = 0; i < 6; i++) {
                Certainty certainty;
                pthread_t thread;
                int r;

                canceller.delay_usec = 1 + random_below(random, 20000);
                atomic_store(&canceller.cancel, false);
                CHECK_EQUAL(pthread_create(&thread, NULL, cancel_later, &canceller), 0);
                r = sieve_run_next(run, length, got, &certainty);
                CHECK_EQUAL(pthread_join(thread, NULL), 0);
                CHECK(r == 0 || r == -ECANCELED);
                n_cancelled += r < 0;
                if (r < 0) {
                        atomic_store(&canceller.cancel, false);
                        next(run, length, got);
                }
                next(undisturbed, length, expected);
                CHECK(memcmp(got, expected, length / 30) == 0);
        }
        printf("# %s: %u of 6 cancelled in the middle\n", begin, n_cancelled);
}

static void test_cancel_inside_a_stretch(void) {
        Random random;

        random_init(&random, test_seed());
        check_cancel_inside(&random, "10^13", GRID_BLOCK_LENGTH_MAX);
        check_cancel_inside(&random, "2^64-150000", 300000);
        check_cancel_inside(&random, "2^90", 300000);
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        folder = argv[1];
        RUN(test_against_one_test_per_candidate);
        RUN(test_across_2_64_in_one_call);
        RUN(test_short_runs_below_2_64);
        RUN(test_consecutive_stretches_are_one);
        RUN(test_windows_at_powers_of_two);
        RUN(test_known_composites_are_clear);
        RUN(test_pi_of_powers_of_ten);
        RUN(test_certainty);
        RUN(test_cancel_between_stretches);
        RUN(test_cancel_inside_a_stretch);
        return tests_end();
}
