/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fast test of 64-bit numbers against the one on GMP, and against what is known of pseudoprimes. */

#include "prime/test/strong64.h"

#include "base/macro.h"
#include "base/random.h"
#include "prime/number.h"
#include "prime/test/bpsw.h"
#include "seed.h"
#include "test.h"

static void test_small_numbers(void) {
        static bool composite[100000];

        for (unsigned n = 2; n < ELEMENTSOF(composite); n++)
                for (unsigned m = n + n; !composite[n] && m < ELEMENTSOF(composite); m += n)
                        composite[m] = true;
        CHECK(!strong64_is_prime(0) && !strong64_is_prime(1));
        for (unsigned n = 2; n < ELEMENTSOF(composite); n++)
                CHECK_EQUAL(strong64_is_prime(n), !composite[n]);
}

/* Single bases agree, at every size and at both ends of the range. */
static void test_it_agrees_with_the_one_on_gmp(void) {
        StrongTest strong;
        _cleanup_mpz_ mpz_t big;
        Random random;
        Bpsw bpsw;

        mpz_init(big);
        strong_test_init(&strong);
        bpsw_init(&bpsw);
        random_init(&random, test_seed());
        for (unsigned i = 0; i < 40000; i++) {
                uint64_t n = (i < 2000 ? UINT64_MAX - i : random_u64(&random) >> random_below(&random, 56)) | 1;
                uint64_t base;

                if (n < 11)
                        continue;
                base = 2 + random_below(&random, MIN(n - 3, (uint64_t) UINT32_MAX));
                number_set_u64(big, n);
                CHECK_EQUAL(strong64_passes(n, base), strong_test_passes(&strong, big, (unsigned long) base));
                CHECK_EQUAL(strong64_is_prime(n), bpsw_is_prime(&bpsw, big));
        }
        strong_test_done(&strong);
        bpsw_done(&bpsw);
}

static void test_known_numbers(void) {
        static const uint64_t pseudoprimes[] = {
                2047, 3277, 4033, 4681, 8321,                /* the first of base 2, OEIS A001262 */
                3215031751, 3474749660383, 341550071728321,  /* of the first 4, 6 and 7 primes, OEIS A014233 */
                3825123056546413051,                         /* of the first 9 */
        };
        static const uint64_t primes[] = { UINT64_C(18446744073709551557), UINT64_C(18446744073709551533),
                                           UINT64_C(4611686018427387847), UINT64_C(2305843009213693951) };

        for (size_t i = 0; i < ELEMENTSOF(pseudoprimes); i++) {
                CHECK(strong64_passes(pseudoprimes[i], 2));
                CHECK(!strong64_is_prime(pseudoprimes[i]));
        }
        for (size_t i = 0; i < ELEMENTSOF(primes); i++)
                CHECK(strong64_is_prime(primes[i]));
        CHECK(!strong64_is_prime(UINT64_C(4294967291) * 4294967291)); /* the largest square of a prime */
        CHECK(strong64_passes(1000003, 1000003));
}

int main(void) {
        RUN(test_small_numbers);
        RUN(test_it_agrees_with_the_one_on_gmp);
        RUN(test_known_numbers);
        return tests_end();
}
