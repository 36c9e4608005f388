/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Survivors of any sieve, or of none, are tested as one by one. */

#include "prime/sieve/survivors.h"

#include <errno.h>

#include "base/macro.h"
#include "base/random.h"
#include "prime/facts.h"
#include "prime/naive.h"
#include "seed.h"

#define BYTES_MAX 2000

static void round_down(mpz_t x) {
        mpz_sub_ui(x, x, mpz_fdiv_ui(x, 30));
}

/* Random candidates, dense ones or few; what stays must be the primes among them. */
static void check_against_naive(Random *random, Survivors *survivors, const mpz_t start, size_t n_bytes,
                                unsigned one_of, Certainty wanted) {
        uint8_t got[BYTES_MAX], expected[BYTES_MAX];

        CHECK(n_bytes <= BYTES_MAX);
        for (size_t i = 0; i < n_bytes; i++) {
                got[i] = 0;
                for (unsigned bit = 0; bit < 8; bit++)
                        got[i] |= (uint8_t) ((random_below(random, one_of) == 0) << bit);
        }
        naive_bitmap(start, n_bytes * 30, expected);
        for (size_t i = 0; i < n_bytes; i++)
                expected[i] &= got[i];
        CHECK_EQUAL(survivors_test(survivors, start, got, n_bytes, wanted, NULL), 0);
        CHECK(memcmp(got, expected, n_bytes) == 0);
}

static void test_every_size(void) {
        static const struct {
                unsigned n_bits, n_bytes;
        } sizes[] = {
                { 0, BYTES_MAX }, { 8, BYTES_MAX }, { 20, BYTES_MAX }, { 33, BYTES_MAX }, { 63, BYTES_MAX }, { 64, BYTES_MAX },
                { 65, 1000 },     { 70, 1000 },     { 71, 1000 },      { 80, 1000 },      { 100, 1000 },     { 101, 1000 },
                { 123, 500 },     { 124, 500 },     { 127, 500 },      { 128, 500 },      { 129, 200 },      { 192, 200 },
                { 256, 100 },     { 257, 100 },     { 512, 20 },       { 1024, 4 },       { 2048, 1 },
        };
        _cleanup_(survivors_freep) Survivors *survivors = survivors_new();
        _cleanup_mpz_ mpz_t start;
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        Random random;

        mpz_init(start);
        CHECK(survivors != NULL);
        random_init(&random, seed);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++)
                for (unsigned k = 0; k < 3; k++) {
                        mpz_set_ui(start, 0);
                        if (sizes[i].n_bits > 0) {
                                mpz_urandomb(start, state, sizes[i].n_bits);
                                mpz_setbit(start, sizes[i].n_bits - 1);
                        }
                        round_down(start);
                        check_against_naive(&random, survivors, start, sizes[i].n_bytes, 1 + k * k * 4, CERTAINTY_BPSW);
                }
        gmp_randclear(state);
}

/* One bitmap with numbers of two kinds of arithmetic, the border anywhere in it. */
static void test_across_borders(void) {
        static const unsigned borders[] = { 64, 70, 96, 123, 128, 152, 256 };
        _cleanup_(survivors_freep) Survivors *survivors = survivors_new();
        _cleanup_mpz_ mpz_t start;
        uint64_t seed = test_seed();
        Random random;

        mpz_init(start);
        CHECK(survivors != NULL);
        random_init(&random, seed);
        for (size_t i = 0; i < ELEMENTSOF(borders); i++)
                for (unsigned k = 0; k < 6; k++) {
                        mpz_set_ui(start, 0);
                        mpz_setbit(start, borders[i]);
                        mpz_sub_ui(start, start, (unsigned long) random_below(&random, 3000));
                        round_down(start);
                        check_against_naive(&random, survivors, start, 100, 1 + k, CERTAINTY_BPSW);
                }
}

/* With a sieve of no depth, and of one. */
static void test_proofs(void) {
        _cleanup_(survivors_freep) Survivors *survivors = survivors_new();
        _cleanup_mpz_ mpz_t start;
        uint64_t seed = test_seed();
        Random random;

        mpz_init(start);
        CHECK(survivors != NULL);
        random_init(&random, seed);
        for (unsigned n_bits = 60; n_bits < 82; n_bits += 3) {
                mpz_set_ui(start, 0);
                mpz_setbit(start, n_bits);
                mpz_sub_ui(start, start, 1500);
                round_down(start);
                check_against_naive(&random, survivors, start, 100, 1, CERTAINTY_PROVED);
        }
}

/* The bits of numbers without a prime factor up to `depth`. */
static void sieve_plainly(const mpz_t start, uint8_t *bitmap, size_t n_bytes, unsigned long depth) {
        memset(bitmap, 0, n_bytes);
        for (size_t i = 0; i < n_bytes * 8; i++) {
                unsigned long offset = (unsigned long) (i / 8 * 30) + bitmap_residues[i % 8];
                bool is_coprime = true;
                _cleanup_mpz_ mpz_t n;

                mpz_init(n);
                mpz_add_ui(n, start, offset);
                for (unsigned long d = 7; d <= depth && is_coprime; d += 2)
                        is_coprime = mpz_fdiv_ui(n, d) != 0;
                bitmap[i / 8] |= (uint8_t) ((unsigned) is_coprime << i % 8);
        }
}

static void test_proofs_by_pseudosquares(void) {
        const unsigned long depth = 2000;
        _cleanup_(survivors_freep) Survivors *survivors = survivors_new();
        _cleanup_mpz_ mpz_t start;
        uint8_t got[100], expected[100];

        mpz_init(start);
        CHECK(survivors != NULL);
        survivors_set_depth(survivors, depth);
        for (unsigned n_bits = 82; n_bits < 93; n_bits += 2) {
                mpz_set_ui(start, 0);
                mpz_setbit(start, n_bits);
                round_down(start);
                sieve_plainly(start, got, sizeof got, depth);
                naive_bitmap(start, sizeof expected * 30, expected);
                CHECK_EQUAL(survivors_test(survivors, start, got, sizeof got, CERTAINTY_PROVED, NULL), 0);
                CHECK(memcmp(got, expected, sizeof got) == 0);
        }
}

static void test_no_proof_beyond_reach(void) {
        _cleanup_(survivors_freep) Survivors *survivors = survivors_new();
        _cleanup_mpz_ mpz_t start;
        uint8_t byte = 0xff;

        mpz_init(start);
        CHECK(survivors != NULL);
        mpz_setbit(start, 83);
        round_down(start);
        CHECK_EQUAL(certainty_reachable(start, 0), CERTAINTY_BPSW);
        CHECK_EQUAL(certainty_reachable(start, 100), CERTAINTY_PROVED);
        CHECK_EQUAL(survivors_test(survivors, start, &byte, 1, CERTAINTY_PROVED, NULL), -EOPNOTSUPP);
        survivors_set_depth(survivors, 100);
        CHECK_EQUAL(survivors_test(survivors, start, &byte, 1, CERTAINTY_PROVED, NULL), 0);
        mpz_mul_2exp(start, start, 60);
        round_down(start);
        survivors_set_depth(survivors, UINT64_MAX);
        CHECK_EQUAL(certainty_reachable(start, UINT64_MAX), CERTAINTY_BPSW);
        CHECK_EQUAL(survivors_test(survivors, start, &byte, 1, CERTAINTY_PROVED, NULL), -EOPNOTSUPP);
}

static void test_cancelled(void) {
        static const unsigned sizes[] = { 40, 100, 200, 5000 };
        _cleanup_(survivors_freep) Survivors *survivors = survivors_new();
        const atomic_bool cancel = true;
        _cleanup_mpz_ mpz_t start;
        uint8_t byte = 0xff;

        mpz_init(start);
        CHECK(survivors != NULL);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                mpz_set_ui(start, 30);
                mpz_mul_2exp(start, start, sizes[i]);
                CHECK_EQUAL(survivors_test(survivors, start, &byte, 1, CERTAINTY_BPSW, &cancel), -ECANCELED);
        }
}

int main(void) {
        RUN(test_every_size);
        RUN(test_across_borders);
        RUN(test_proofs);
        RUN(test_proofs_by_pseudosquares);
        RUN(test_no_proof_beyond_reach);
        RUN(test_cancelled);
        return tests_end();
}
