/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Proofs below 2^128: the tables by their defining properties, and no composite is ever proved. */

#include "prime/test/proof128.h"

#include "base/macro.h"
#include "prime/facts.h"
#include "prime/naive.h"
#include "prime/test/lucas.h"
#include "prime/test/strong.h"
#include "seed.h"

#define DEPTH UINT64_C(1000000000)

static const char *folder;

/* Whether x is 1 modulo 8 and a residue of all odd primes up to p. */
static bool is_residue_up_to(const mpz_t x, unsigned long p) {
        for (unsigned long q = 3; q <= p; q += 2) {
                _cleanup_mpz_ mpz_t prime;

                mpz_init_set_ui(prime, q);
                if (mpz_probab_prime_p(prime, 25) && mpz_kronecker_ui(x, q) != 1)
                        return false;
        }
        return mpz_fdiv_ui(x, 8) == 1;
}

/* Each row belongs to the next odd prime; its value has the property up to that, and the row before only if equal. */
static void test_pseudosquares_by_their_property(void) {
        _cleanup_mpz_ mpz_t value, prime, before;
        Number128 pseudosquare;
        unsigned p;
        size_t i;

        mpz_inits(value, before, NULL);
        mpz_init_set_ui(prime, 2);
        for (i = 0; proof128_pseudosquare(i, &p, &pseudosquare); i++) {
                number128_to(pseudosquare, value);
                mpz_nextprime(prime, prime);
                CHECK(mpz_cmp_ui(prime, p) == 0);
                CHECK(is_residue_up_to(value, p));
                CHECK(!mpz_perfect_square_p(value));
                CHECK(mpz_cmp(value, before) >= 0);
                if (mpz_cmp(value, before) > 0 && i > 0)
                        CHECK(!is_residue_up_to(before, p));
                mpz_set(before, value);
        }
        CHECK_EQUAL(i, 73);
        CHECK_EQUAL(p, 373);
        mpz_nextprime(prime, prime);
        CHECK(!is_residue_up_to(value, mpz_get_ui(prime)));
}

/* Fast for most x, which fail at a small prime. */
static bool is_small_pseudosquare(unsigned long x, unsigned long p) {
        static const unsigned char primes[] = { 3, 5, 7, 11, 13, 17, 19, 23 };
        _cleanup_mpz_ mpz_t value;

        mpz_init_set_ui(value, x);
        for (size_t i = 0; i < ELEMENTSOF(primes) && primes[i] <= p; i++) {
                unsigned rest = (unsigned) (x % primes[i]), root = 1;

                while (root < primes[i] && root * root % primes[i] != rest)
                        root++;
                if (root == primes[i])
                        return false;
        }
        return !mpz_perfect_square_p(value) && is_residue_up_to(value, p);
}

/* The smallest ones are the smallest: nothing below has the property. */
static void test_small_pseudosquares_are_the_smallest(void) {
        Number128 pseudosquare;
        unsigned long x = 1;
        unsigned p;

        for (size_t i = 0; proof128_pseudosquare(i, &p, &pseudosquare) && pseudosquare.low < 60000000; i++) {
                while (!is_small_pseudosquare(x, p))
                        x += 8;
                CHECK_EQUAL(x, pseudosquare.low);
        }
}

static Number128 number(const char *word) {
        _cleanup_mpz_ mpz_t value;

        mpz_init(value);
        CHECK(number_parse(value, word, NULL) == 0);
        return number128_from(value);
}

static void test_reach(void) {
        CHECK(proof128_reaches(number("2^64"), 0));
        CHECK(proof128_reaches(number("3317044064679887385961981"), 0));
        CHECK(proof128_reaches(number("4235025223080597503519329"), 0));
        CHECK(!proof128_reaches(number("4235025223080597503519330"), 0));
        CHECK(proof128_reaches(number("4235025223080597503519329000000000"), DEPTH));
        CHECK(!proof128_reaches(number("4235025223080597503519329000000001"), DEPTH));
        CHECK(!proof128_reaches(number("2^128-1"), DEPTH));
        CHECK(proof128_reaches(number("2^128-1"), UINT64_MAX));
}

/* 1 modulo 8 is a case of its own. */
static void test_primes_are_proved(void) {
        _cleanup_mpz_ mpz_t n;
        uint64_t seed = test_seed();
        const BpswKernel *kernel;
        gmp_randstate_t state;
        unsigned classes[8] = {};

        mpz_init(n);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned i = 0; i < 300; i++) {
                unsigned n_bits = 65 + i % 47;

                mpz_urandomb(n, state, n_bits);
                mpz_setbit(n, n_bits - 1);
                mpz_nextprime(n, n);
                classes[mpz_fdiv_ui(n, 8)]++;
                for (size_t k = 0; (kernel = bpsw_kernel(k)); k++)
                        CHECK(proof128(kernel, number128_from(n), DEPTH));
        }
        CHECK(classes[1] > 0 && classes[3] > 0 && classes[5] > 0 && classes[7] > 0);
        gmp_randclear(state);
}

/* Also those that the bases let pass, with the depth that their factors allow. */
static void test_composites_are_not_proved(void) {
        const BpswKernel *kernel;
        _cleanup_mpz_ mpz_t n;
        unsigned n_rows = 0;
        Facts facts;

        mpz_init(n);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "composite")) {
                facts_number(&facts, 1, n);
                if (mpz_sizeinbase(n, 2) > 128 || mpz_sizeinbase(n, 2) <= 64 || facts_u64(&facts, 2) == 0)
                        continue;
                for (size_t k = 0; (kernel = bpsw_kernel(k)); k++) {
                        CHECK(!proof128(kernel, number128_from(n), 0));
                        CHECK(!proof128(kernel, number128_from(n), 1000));
                }
                n_rows++;
        }
        CHECK(n_rows >= 17);
        facts_done(&facts);
}

static void test_squares_and_products_are_not_proved(void) {
        _cleanup_mpz_ mpz_t p, q;
        uint64_t seed = test_seed();
        gmp_randstate_t state;

        mpz_inits(p, q, NULL);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned i = 0; i < 2000; i++) {
                unsigned n_bits = 41 + i % 14;

                mpz_urandomb(p, state, n_bits);
                mpz_setbit(p, n_bits - 1);
                mpz_nextprime(p, p);
                if (i % 3 == 0)
                        mpz_set(q, p);
                else {
                        mpz_mul_2exp(q, p, 1);
                        mpz_sub_ui(q, q, 1);
                }
                mpz_mul(q, q, p);
                CHECK(!proof128(bpsw_kernel(0), number128_from(q), DEPTH));
        }
        gmp_randclear(state);
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        folder = argv[1];
        RUN(test_pseudosquares_by_their_property);
        RUN(test_small_pseudosquares_are_the_smallest);
        RUN(test_reach);
        RUN(test_primes_are_proved);
        RUN(test_composites_are_not_proved);
        RUN(test_squares_and_products_are_not_proved);
        return tests_end();
}
