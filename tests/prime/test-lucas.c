/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The extra strong Lucas test passes primes and exactly the composites that are known to pass. */

#include "prime/test/lucas.h"

#include "prime/facts.h"
#include "prime/naive.h"
#include "seed.h"

static const char *folder;

/* OEIS A217719 below 40,000. */
static void test_extra_strong_lucas_pseudoprimes(void) {
        static const unsigned long pseudoprimes[] = {
                989, 3239, 5777, 10877, 27971, 29681, 30739, 31631, 39059,
        };
        _cleanup_mpz_ mpz_t n;
        size_t found = 0;
        LucasTest test;

        mpz_init(n);
        lucas_test_init(&test);
        for (unsigned long i = 3; i < 40000; i += 2) {
                bool expected = false;

                mpz_set_ui(n, i);
                if (found < ELEMENTSOF(pseudoprimes) && pseudoprimes[found] == i) {
                        expected = true;
                        found++;
                }
                CHECK(lucas_test_passes(&test, n) == (expected || naive_is_prime(n)));
        }
        CHECK_EQUAL(found, ELEMENTSOF(pseudoprimes));
        lucas_test_done(&test);
}

static void test_known_composites(void) {
        unsigned n_rows = 0, n_fooled = 0;
        _cleanup_mpz_ mpz_t n;
        LucasTest test;
        Facts facts;

        mpz_init(n);
        lucas_test_init(&test);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "composite")) {
                bool fooled = facts_u64(&facts, 3) == 1;

                facts_number(&facts, 1, n);
                CHECK(lucas_test_passes(&test, n) == fooled);
                n_rows++;
                n_fooled += fooled;
        }
        CHECK(n_rows >= 58 && n_fooled == 9);
        facts_done(&facts);
        lucas_test_done(&test);
}

/* The search for P would never end. */
static void test_squares_fail(void) {
        _cleanup_mpz_ mpz_t n;
        LucasTest test;

        mpz_init(n);
        lucas_test_init(&test);
        for (unsigned long i = 3; i < 2000; i += 2) {
                mpz_ui_pow_ui(n, i, 2);
                CHECK(!lucas_test_passes(&test, n));
                mpz_ui_pow_ui(n, i, 50);
                CHECK(!lucas_test_passes(&test, n));
        }
        mpz_ui_pow_ui(n, 2, 127);
        mpz_nextprime(n, n);
        mpz_mul(n, n, n);
        CHECK(!lucas_test_passes(&test, n));
        lucas_test_done(&test);
}

static void test_primes_pass(void) {
        _cleanup_mpz_ mpz_t n;
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        LucasTest test;

        mpz_init(n);
        lucas_test_init(&test);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned n_bits = 3; n_bits < 400; n_bits += 2) {
                mpz_urandomb(n, state, n_bits);
                mpz_setbit(n, n_bits);
                mpz_nextprime(n, n);
                CHECK(lucas_test_passes(&test, n));
        }
        /* n + 1 a power of two: the longest way through the squarings */
        for (unsigned i = 0; i < 4; i++) {
                static const unsigned exponents[] = { 61, 89, 127, 521 };

                mpz_ui_pow_ui(n, 2, exponents[i]);
                mpz_sub_ui(n, n, 1);
                CHECK(lucas_test_passes(&test, n));
        }
        gmp_randclear(state);
        lucas_test_done(&test);
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        folder = argv[1];
        RUN(test_extra_strong_lucas_pseudoprimes);
        RUN(test_known_composites);
        RUN(test_squares_fail);
        RUN(test_primes_pass);
        return tests_end();
}
