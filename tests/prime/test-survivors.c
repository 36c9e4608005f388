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

static const char *folder;

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
                { 0, 2000 },  { 8, 2000 },   { 20, 2000 },  { 33, 2000 }, { 63, 2000 }, { 64, 2000 },
                { 65, 1000 }, { 70, 1000 },  { 71, 1000 },  { 80, 1000 }, { 100, 1000 }, { 101, 1000 },
                { 123, 500 }, { 124, 500 },  { 127, 500 },  { 128, 500 }, { 129, 200 }, { 192, 200 },
                { 256, 100 }, { 257, 100 },  { 512, 20 },   { 1024, 4 },  { 2048, 1 },
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

/*
 * The bits that stay of [from, from + length), length < 2,400, when nothing has been sieved. `from` is moved down to a
 * multiple of 30, and the offsets of the bits outside are cleared.
 */
static uint64_t primes_of(Survivors *survivors, mpz_t from, uint64_t length, uint8_t bitmap[100]) {
        uint64_t low = mpz_fdiv_ui(from, 30);

        CHECK(low + length <= 3000);
        round_down(from);
        memset(bitmap, 0xff, 100);
        bitmap_clip(bitmap, 100, low, low + length);
        CHECK_EQUAL(survivors_test(survivors, from, bitmap, 100, CERTAINTY_BPSW, NULL), 0);
        return low;
}

/* The primes around round numbers, all of them. */
static void test_neighbours_of_round_numbers(void) {
        _cleanup_(survivors_freep) Survivors *survivors = survivors_new();
        unsigned n_rows = 0;
        Facts facts;

        CHECK(survivors != NULL);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, NULL)) {
                bool is_next = strcmp(facts.columns[0], "next") == 0;
                uint8_t got[100], expected[100] = {};
                uint64_t farthest = 0, low;
                _cleanup_mpz_ mpz_t from;
                const char *place;

                mpz_init(from);
                if (!is_next && strcmp(facts.columns[0], "previous") != 0)
                        continue;
                place = strrchr(facts.columns[2], ',');
                farthest = strtoull(place ? place + 1 : facts.columns[2], NULL, 10);
                facts_number(&facts, 1, from);
                if (!is_next)
                        mpz_sub_ui(from, from, (unsigned long) farthest);
                else
                        mpz_add_ui(from, from, 1);
                low = primes_of(survivors, from, farthest, got);
                for (char *rest = facts.columns[2], *word; (word = strsep(&rest, ","));) {
                        uint64_t distance = strtoull(word, NULL, 10);
                        uint64_t offset = low + (is_next ? distance - 1 : farthest - distance);

                        expected[offset / 30] |= (uint8_t) (1U << bitmap_residue_bit[offset % 30]);
                }
                CHECK(memcmp(got, expected, sizeof got) == 0);
                n_rows++;
        }
        CHECK(n_rows >= 60);
        facts_done(&facts);
}

/* The two ends of a maximal gap and nothing between. */
static void test_maximal_gaps(void) {
        _cleanup_(survivors_freep) Survivors *survivors = survivors_new();
        unsigned n_rows = 0;
        Facts facts;

        CHECK(survivors != NULL);
        facts_open(&facts, folder, "facts.tsv");
        for (; facts_next(&facts, "gap"); n_rows++) {
                uint64_t gap = facts_u64(&facts, 1), low;
                uint8_t bitmap[100];
                _cleanup_mpz_ mpz_t from;

                mpz_init(from);
                facts_number(&facts, 2, from);
                low = primes_of(survivors, from, gap + 1, bitmap);
                CHECK_EQUAL(bitmap_count(bitmap, sizeof bitmap), 2);
                CHECK(bitmap[low / 30] >> bitmap_residue_bit[low % 30] & 1);
                low += gap;
                CHECK(bitmap[low / 30] >> bitmap_residue_bit[low % 30] & 1);
        }
        CHECK(n_rows >= 21);
        facts_done(&facts);
}

/* A known composite loses its bit, wherever it stands among others. */
static void test_composites_lose_their_bits(void) {
        _cleanup_(survivors_freep) Survivors *survivors = survivors_new();
        unsigned n_rows = 0;
        Facts facts;

        CHECK(survivors != NULL);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "composite")) {
                _cleanup_mpz_ mpz_t from;
                uint8_t bitmap[100];
                uint64_t low;

                mpz_init(from);
                facts_number(&facts, 1, from);
                if (mpz_fdiv_ui(from, 3) == 0 || mpz_fdiv_ui(from, 5) == 0)
                        continue; /* it has no bit */
                low = primes_of(survivors, from, mpz_sizeinbase(from, 2) > 512 ? 30 : 300, bitmap);
                CHECK((bitmap[low / 30] >> bitmap_residue_bit[low % 30] & 1) == 0);
                n_rows++;
        }
        CHECK(n_rows >= 50);
        facts_done(&facts);
}

static void test_windows_at_powers_of_two(void) {
        _cleanup_(survivors_freep) Survivors *survivors = survivors_new();
        unsigned n_rows = 0;
        Facts facts;

        CHECK(survivors != NULL);
        facts_open(&facts, folder, "facts.tsv");
        for (; facts_next(&facts, "window"); n_rows++) {
                _cleanup_mpz_ mpz_t start;
                uint8_t bitmap[1000];

                mpz_init(start);
                mpz_setbit(start, facts_u64(&facts, 1));
                round_down(start);
                memset(bitmap, 0xff, sizeof bitmap);
                CHECK_EQUAL(survivors_test(survivors, start, bitmap, sizeof bitmap, CERTAINTY_BPSW, NULL), 0);
                CHECK_EQUAL(bitmap_count(bitmap, sizeof bitmap), facts_u64(&facts, 2));
        }
        CHECK(n_rows >= 20);
        facts_done(&facts);
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

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        folder = argv[1];
        RUN(test_every_size);
        RUN(test_across_borders);
        RUN(test_proofs);
        RUN(test_proofs_by_pseudosquares);
        RUN(test_no_proof_beyond_reach);
        RUN(test_neighbours_of_round_numbers);
        RUN(test_maximal_gaps);
        RUN(test_composites_lose_their_bits);
        RUN(test_windows_at_powers_of_two);
        RUN(test_cancelled);
        return tests_end();
}
