/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Baillie-PSW against GMP's own test and the table of known facts. */

#include "prime/test/bpsw.h"

#include "prime/facts.h"
#include "prime/naive.h"
#include "seed.h"

static const char *folder;
static Bpsw bpsw;

static void test_all_small_numbers(void) {
        _cleanup_mpz_ mpz_t n;

        mpz_init(n);
        for (unsigned long i = 0; i < 200000; i++) {
                mpz_set_ui(n, i);
                CHECK(bpsw_is_prime(&bpsw, n) == naive_is_prime(n));
        }
}

static void test_known_composites_are_rejected(void) {
        _cleanup_mpz_ mpz_t n;
        unsigned n_rows = 0;
        Facts facts;

        mpz_init(n);
        facts_open(&facts, folder, "facts.tsv");
        for (; facts_next(&facts, "composite"); n_rows++) {
                facts_number(&facts, 1, n);
                CHECK(!bpsw_is_prime(&bpsw, n));
        }
        CHECK(n_rows >= 58);
        facts_done(&facts);
}

/* From x on, in the direction of `step`, the numbers that pass are those at the distances of the table. */
static void check_neighbours(Facts *facts, int step) {
        _cleanup_mpz_ mpz_t n;
        unsigned long distance = 0;
        char *rest = facts->columns[2];

        mpz_init(n);
        facts_number(facts, 1, n);
        for (char *word; (word = strsep(&rest, ","));) {
                unsigned long next = strtoul(word, NULL, 10);

                do {
                        distance++;
                        (step > 0 ? mpz_add_ui : mpz_sub_ui)(n, n, 1);
                        CHECK(bpsw_is_prime(&bpsw, n) == (distance == next));
                } while (distance < next);
        }
}

static void test_primes_around_round_numbers(void) {
        unsigned n_rows = 0;
        Facts facts;

        facts_open(&facts, folder, "facts.tsv");
        for (; facts_next(&facts, "next"); n_rows++)
                check_neighbours(&facts, 1);
        facts_done(&facts);
        facts_open(&facts, folder, "facts.tsv");
        for (; facts_next(&facts, "previous"); n_rows++)
                check_neighbours(&facts, -1);
        facts_done(&facts);
        CHECK(n_rows >= 60);
}

static void test_random_numbers(void) {
        _cleanup_mpz_ mpz_t n;
        uint64_t seed = test_seed();
        gmp_randstate_t state;

        mpz_init(n);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned n_bits = 10; n_bits <= 2048; n_bits += n_bits < 300 ? 1 : 97)
                for (unsigned i = 0; i < 8; i++) {
                        mpz_urandomb(n, state, n_bits);
                        mpz_setbit(n, n_bits - 1);
                        mpz_setbit(n, 0);
                        CHECK(bpsw_is_prime(&bpsw, n) == naive_is_prime(n));
                        if (n_bits <= 512 || i == 0) {
                                mpz_nextprime(n, n);
                                CHECK(bpsw_is_prime(&bpsw, n));
                        }
                }
        gmp_randclear(state);
}

/* Products of two primes of equal size, which trial division does not find. */
static void test_semiprimes_are_rejected(void) {
        _cleanup_mpz_ mpz_t p, q;
        uint64_t seed = test_seed();
        gmp_randstate_t state;

        mpz_inits(p, q, NULL);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned i = 0; i < 2000; i++) {
                mpz_urandomb(p, state, 33 + i % 64);
                mpz_nextprime(p, p);
                /* The forms (k+1)(2k+1) and p², which fool base-2 tests most often, and a random one. */
                switch (i % 3) {
                case 0:
                        mpz_mul_ui(q, p, 2);
                        mpz_sub_ui(q, q, 1);
                        break;
                case 1:
                        mpz_set(q, p);
                        break;
                default:
                        mpz_urandomb(q, state, 33 + i % 64);
                        mpz_nextprime(q, q);
                }
                mpz_mul(q, q, p);
                CHECK(!bpsw_is_prime(&bpsw, q));
        }
        gmp_randclear(state);
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        folder = argv[1];
        bpsw_init(&bpsw);
        RUN(test_all_small_numbers);
        RUN(test_known_composites_are_rejected);
        RUN(test_primes_around_round_numbers);
        RUN(test_random_numbers);
        RUN(test_semiprimes_are_rejected);
        bpsw_done(&bpsw);
        return tests_end();
}
