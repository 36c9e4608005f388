/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sieve and test: against one test per candidate, at every size. */

#include "prime/sieve/hybrid.h"

#include <errno.h>

#include "base/macro.h"
#include "base/random.h"
#include "prime/facts.h"
#include "prime/naive.h"
#include "prime/team.h"
#include "seed.h"

#define BYTES_MAX 4000

static const char *folder;

static void round_down(mpz_t x) {
        mpz_sub_ui(x, x, mpz_fdiv_ui(x, 30));
}

static Hybrid *make_hybrid(const SieveEnvironment *environment) {
        Hybrid *hybrid = hybrid_new(environment, sieve_tuning_default());

        CHECK(hybrid != NULL);
        return hybrid;
}

/* The bitmap of `length` numbers from `start` on, in windows of random length, with any depth. */
static void check_against_naive(Random *random, const mpz_t start, uint64_t length) {
        _cleanup_(test_team_done) TestTeam team;
        _cleanup_(hybrid_freep) Hybrid *hybrid = NULL;
        _cleanup_mpz_ mpz_t position;
        uint8_t got[BYTES_MAX], expected[BYTES_MAX];
        SieveEnvironment environment = {};

        mpz_init_set(position, start);
        test_team_init(&team, 1 + (unsigned) random_below(random, 3));
        if (team.team.n_threads > 1)
                environment.team = &team.team;
        hybrid = make_hybrid(&environment);
        CHECK(length / 30 <= BYTES_MAX);
        naive_bitmap(start, length, expected);
        for (uint64_t done = 0; done < length / 30;) {
                uint64_t n = 1 + random_below(random, length / 30 - done);
                uint64_t depth = (UINT64_C(1) << 22) >> random_below(random, 22);

                CHECK_EQUAL(hybrid_sieve(hybrid, position, n * 30, depth, CERTAINTY_BPSW, got + done), 0);
                number_add_u64(position, position, n * 30);
                done += n;
        }
        CHECK(memcmp(got, expected, (size_t) (length / 30)) == 0);
}

static void test_random_places(void) {
        static const struct {
                unsigned n_bits, n_bytes, n_times;
        } sizes[] = {
                { 27, BYTES_MAX, 4 }, { 40, BYTES_MAX, 2 }, { 64, BYTES_MAX, 4 }, { 65, BYTES_MAX, 4 },
                { 80, BYTES_MAX, 3 }, { 96, 2000, 3 },      { 127, 2000, 3 },     { 128, 2000, 3 },
                { 129, 1000, 4 },     { 192, 500, 4 },      { 256, 300, 4 },      { 512, 50, 3 },
                { 1024, 8, 2 },       { 2048, 1, 2 },
        };
        _cleanup_mpz_ mpz_t start;
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        Random random;

        mpz_init(start);
        random_init(&random, seed);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++)
                for (unsigned k = 0; k < sizes[i].n_times; k++) {
                        mpz_urandomb(start, state, sizes[i].n_bits - 1);
                        mpz_setbit(start, sizes[i].n_bits - 1);
                        mpz_add_ui(start, start, 30);
                        round_down(start);
                        check_against_naive(&random, start, sizes[i].n_bytes * 30);
                }
        gmp_randclear(state);
}

/* PARI's counts of the windows at powers of two: the kernel's contract, literally. */
static void test_windows_at_powers_of_two(void) {
        uint8_t bitmap[1000];
        unsigned n_rows = 0;
        Facts facts;

        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "window")) {
                _cleanup_(hybrid_freep) Hybrid *hybrid = NULL;
                _cleanup_mpz_ mpz_t start;

                mpz_init(start);
                if (facts_u64(&facts, 1) < 32)
                        continue;
                mpz_setbit(start, facts_u64(&facts, 1));
                round_down(start);
                hybrid = make_hybrid(&(SieveEnvironment) {});
                CHECK_EQUAL(hybrid_sieve(hybrid, start, 30000, 1000000, CERTAINTY_BPSW, bitmap), 0);
                CHECK_EQUAL(bitmap_count(bitmap, sizeof bitmap), facts_u64(&facts, 2));
                n_rows++;
        }
        CHECK(n_rows >= 19);
        facts_done(&facts);
}

/* The numbers of a maximal gap: its two ends and nothing between. */
static void test_maximal_gaps_are_empty(void) {
        unsigned n_rows = 0;
        Facts facts;

        facts_open(&facts, folder, "facts.tsv");
        for (; facts_next(&facts, "gap"); n_rows++) {
                _cleanup_(hybrid_freep) Hybrid *hybrid = NULL;
                _cleanup_mpz_ mpz_t start;
                uint64_t gap = facts_u64(&facts, 1), low, n_bytes;
                uint8_t bitmap[100];

                mpz_init(start);
                facts_number(&facts, 2, start);
                low = mpz_fdiv_ui(start, 30);
                round_down(start);
                n_bytes = (low + gap) / 30 + 1;
                hybrid = make_hybrid(&(SieveEnvironment) {});
                CHECK(n_bytes <= sizeof bitmap);
                CHECK_EQUAL(hybrid_sieve(hybrid, start, n_bytes * 30, 1000, CERTAINTY_BPSW, bitmap), 0);
                bitmap_clip(bitmap, n_bytes, low, low + gap + 1);
                CHECK_EQUAL(bitmap_count(bitmap, n_bytes), 2);
                bitmap_clip(bitmap, n_bytes, low + 1, low + gap);
                CHECK_EQUAL(bitmap_count(bitmap, n_bytes), 0);
        }
        CHECK(n_rows >= 21);
        facts_done(&facts);
}

static void test_cancelled_at_once(void) {
        const atomic_bool cancel = true;
        _cleanup_(hybrid_freep) Hybrid *hybrid = NULL;
        _cleanup_mpz_ mpz_t start;
        uint8_t byte;

        mpz_init(start);
        mpz_set_ui(start, 30);
        mpz_mul_2exp(start, start, 100);
        hybrid = make_hybrid(&(SieveEnvironment) { .cancel = &cancel });
        CHECK_EQUAL(hybrid_sieve(hybrid, start, 30, 1000, CERTAINTY_BPSW, &byte), -ECANCELED);
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        folder = argv[1];
        RUN(test_random_places);
        RUN(test_windows_at_powers_of_two);
        RUN(test_maximal_gaps_are_empty);
        RUN(test_cancelled_at_once);
        return tests_end();
}
