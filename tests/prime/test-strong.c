/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The strong test passes primes and exactly the composites that are known to pass. */

#include "prime/test/strong.h"

#include "prime/facts.h"
#include "prime/naive.h"
#include "seed.h"

static const char *folder;

/* OEIS A001262 below 100,000. */
static void test_strong_pseudoprimes_to_base_2(void) {
        static const unsigned long pseudoprimes[] = {
                2047,  3277,  4033,  4681,  8321,  15841, 29341, 42799,
                49141, 52633, 65281, 74665, 80581, 85489, 88357, 90751,
        };
        _cleanup_mpz_ mpz_t n;
        StrongTest test;
        size_t found = 0;

        mpz_init(n);
        strong_test_init(&test);
        for (unsigned long i = 3; i < 100000; i += 2) {
                bool expected = false;

                mpz_set_ui(n, i);
                if (found < ELEMENTSOF(pseudoprimes) && pseudoprimes[found] == i) {
                        expected = true;
                        found++;
                }
                CHECK(strong_test_passes(&test, n, 2) == (expected || naive_is_prime(n)));
        }
        CHECK_EQUAL(found, ELEMENTSOF(pseudoprimes));
        strong_test_done(&test);
}

/* The composites of the table pass for as many of the first primes as the table says, and fail for the next. */
static void test_known_composites(void) {
        _cleanup_mpz_ mpz_t n, base;
        unsigned n_rows = 0, n_fooled = 0;
        StrongTest test;
        Facts facts;

        mpz_inits(n, base, NULL);
        strong_test_init(&test);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "composite")) {
                uint64_t n_bases = facts_u64(&facts, 2);

                facts_number(&facts, 1, n);
                mpz_set_ui(base, 2);
                for (uint64_t i = 0; i < n_bases; i++) {
                        CHECK(strong_test_passes(&test, n, mpz_get_ui(base)));
                        mpz_nextprime(base, base);
                }
                CHECK(!strong_test_passes(&test, n, mpz_get_ui(base)));
                n_rows++;
                n_fooled += n_bases > 0;
        }
        CHECK(n_rows >= 58 && n_fooled >= 30);
        facts_done(&facts);
        strong_test_done(&test);
}

static void test_primes_pass(void) {
        _cleanup_mpz_ mpz_t n;
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        StrongTest test;

        mpz_init(n);
        strong_test_init(&test);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned n_bits = 3; n_bits < 400; n_bits += 3) {
                mpz_urandomb(n, state, n_bits);
                mpz_setbit(n, n_bits);
                mpz_nextprime(n, n);
                CHECK(strong_test_passes(&test, n, 2));
                CHECK(strong_test_passes(&test, n, 3));
                CHECK(strong_test_passes(&test, n, 7));
        }
        gmp_randclear(state);
        strong_test_done(&test);
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        folder = argv[1];
        RUN(test_strong_pseudoprimes_to_base_2);
        RUN(test_known_composites);
        RUN(test_primes_pass);
        return tests_end();
}
