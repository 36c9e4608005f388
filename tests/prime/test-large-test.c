/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tests above 2^128, by every arithmetic that this machine has, against the plain tests on GMP's integers. */

#include "prime/test/large-test.h"

#include <errno.h>

#include "base/macro.h"
#include "base/random.h"
#include "prime/facts.h"
#include "prime/number.h"
#include "prime/test/lucas.h"
#include "prime/test/strong.h"
#include "seed.h"

static const char *folder;
static StrongTest strong;
static LucasTest lucas;

/* The ways to compute: of each LargeTest, what it may use. */
static const struct {
        const char *name;
        bool has_ifma, has_kernel;
        size_t own_limbs_max;
} ways[] = {
        { "all", true, true, SIZE_MAX },
        { "scalar", false, true, SIZE_MAX },
        { "portable", false, false, SIZE_MAX },
        { "powm", false, false, 0 },
};
static LargeTest tests[ELEMENTSOF(ways)];

/* On many processors all ways on limbs are the same one, which need not be taken again. */
static bool way_repeats(size_t i) {
        return i > 0 && tests[i].has_ifma == tests[i - 1].has_ifma && tests[i].kernel == tests[i - 1].kernel &&
               tests[i].own_limbs_max == tests[i - 1].own_limbs_max;
}

static void ways_init(void) {
        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                large_test_init(tests + i);
                tests[i].has_ifma &= ways[i].has_ifma;
                if (!ways[i].has_kernel)
                        tests[i].kernel = NULL;
                if (ways[i].own_limbs_max == 0)
                        tests[i].own_limbs_max = 0;
                printf("# %s: %s, %s\n", ways[i].name, tests[i].has_ifma ? "IFMA" : "no IFMA",
                       way_repeats(i)    ? "as before"
                       : tests[i].kernel ? tests[i].kernel->name
                                         : "portable");
        }
}

static void ways_done(void) {
        for (size_t i = 0; i < ELEMENTSOF(ways); i++)
                large_test_done(tests + i);
}

/* The base by its definition: w / 2^52 modulo n. */
static bool drawn_by_definition(const mpz_t n) {
        _cleanup_mpz_ mpz_t base, odd_part, power;
        mp_bitcnt_t n_twos;

        mpz_inits(base, odd_part, power, NULL);
        mpz_setbit(base, 52);
        CHECK(mpz_invert(base, base, n) != 0);
        number_set_u64(power, large_test_draw(n));
        CHECK(mpz_sizeinbase(power, 2) <= 52);
        mpz_mul(base, base, power);
        mpz_sub_ui(odd_part, n, 1);
        n_twos = mpz_scan1(odd_part, 0);
        mpz_tdiv_q_2exp(odd_part, odd_part, n_twos);
        mpz_powm(power, base, odd_part, n);
        if (mpz_cmp_ui(power, 1) == 0)
                return true;
        for (mp_bitcnt_t i = 0; i < n_twos; i++) {
                mpz_add_ui(base, power, 1);
                if (mpz_cmp(base, n) == 0)
                        return true;
                mpz_mul(power, power, power);
                mpz_mod(power, power, n);
        }
        return false;
}

typedef struct Batch {
        mpz_t numbers[LARGE_BATCH_MAX];
        size_t n;
} Batch;

static void batch_init(Batch *batch) {
        batch->n = 0;
        for (size_t i = 0; i < LARGE_BATCH_MAX; i++)
                mpz_init(batch->numbers[i]);
}

static void batch_done(Batch *batch) {
        for (size_t i = 0; i < LARGE_BATCH_MAX; i++)
                mpz_clear(batch->numbers[i]);
}

static void check_answers(const Batch *batch, const char *way, const char *test, const bool *got,
                          const bool *expected) {
        for (size_t i = 0; i < batch->n; i++)
                if (got[i] != expected[i]) {
                        gmp_printf("# %s: %s %Zd is %d, %zu of %zu\n", way, test, batch->numbers[i], got[i], i,
                                   batch->n);
                        CHECK(got[i] == expected[i]);
                }
}

static void batch_check(Batch *batch) {
        bool is_strong[LARGE_BATCH_MAX], is_lucas[LARGE_BATCH_MAX], is_drawn[LARGE_BATCH_MAX], got[LARGE_BATCH_MAX];

        if (batch->n == 0)
                return;
        for (size_t i = 0; i < batch->n; i++) {
                is_strong[i] = strong_test_passes(&strong, batch->numbers[i], 2);
                is_lucas[i] = lucas_test_passes(&lucas, batch->numbers[i]);
                is_drawn[i] = drawn_by_definition(batch->numbers[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                if (way_repeats(i))
                        continue;
                CHECK_EQUAL(large_test_strong(tests + i, batch->numbers, batch->n, NULL, got), 0);
                check_answers(batch, ways[i].name, "strong", got, is_strong);
                CHECK_EQUAL(large_test_lucas(tests + i, batch->numbers, batch->n, NULL, got), 0);
                check_answers(batch, ways[i].name, "Lucas", got, is_lucas);
                CHECK_EQUAL(large_test_drawn(tests + i, batch->numbers, batch->n, NULL, got), 0);
                check_answers(batch, ways[i].name, "drawn", got, is_drawn);
        }
        batch->n = 0;
}

static void batch_add(Batch *batch, const mpz_t n, size_t n_max) {
        if (mpz_sizeinbase(n, 2) <= 128)
                return;
        mpz_set(batch->numbers[batch->n], n);
        if (++batch->n >= n_max)
                batch_check(batch);
}

/* Sizes up to 1,300 bits; primes and others, batches of all lengths. */
static void test_random_numbers_of_every_size(void) {
        _cleanup_mpz_ mpz_t n;
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        Batch batch;
        Random random;

        mpz_init(n);
        batch_init(&batch);
        random_init(&random, seed);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned n_bits = 129 + (unsigned) random_below(&random, 3); n_bits <= 1300;
             n_bits += n_bits < 400 ? 3 : n_bits < 1000 ? 20 : 150) {
                size_t n_max = 1 + (size_t) random_below(&random, LARGE_BATCH_MAX);

                for (unsigned i = 0; i < (n_bits < 400 ? 10 : 5); i++) {
                        mpz_urandomb(n, state, n_bits);
                        mpz_setbit(n, n_bits - 1);
                        mpz_setbit(n, 0);
                        if (i % 2 == 1 && n_bits < 400)
                                mpz_nextprime(n, n);
                        batch_add(&batch, n, n_max);
                }
        }
        batch_check(&batch);
        batch_done(&batch);
        gmp_randclear(state);
}

/* The edges of limbs of 32, 52 and 64 bits; few ones, few zeros, many twos in n - 1 and n + 1. */
static void test_around_powers_of_two(void) {
        _cleanup_mpz_ mpz_t power, n;
        Batch batch;

        mpz_inits(power, n, NULL);
        batch_init(&batch);
        for (unsigned n_bits = 128; n_bits <= 600; n_bits++) {
                if ((n_bits + 4) % 32 > 5 && (n_bits + 5) % 52 > 7)
                        continue;
                mpz_set_ui(power, 0);
                mpz_setbit(power, n_bits);
                for (unsigned long i = 1; i < 14; i += 4) {
                        mpz_sub_ui(n, power, i);
                        batch_add(&batch, n, LARGE_BATCH_MAX);
                        mpz_add_ui(n, power, i);
                        batch_add(&batch, n, LARGE_BATCH_MAX);
                }
                for (unsigned e = 2; e + 2 < n_bits; e += 61) {
                        mpz_set_ui(n, 0);
                        mpz_setbit(n, n_bits);
                        mpz_setbit(n, e);
                        mpz_add_ui(n, n, 1);
                        batch_add(&batch, n, LARGE_BATCH_MAX);
                        mpz_sub_ui(n, n, 2);
                        batch_add(&batch, n, LARGE_BATCH_MAX);
                }
                mpz_nextprime(n, power);
                batch_add(&batch, n, LARGE_BATCH_MAX);
        }
        batch_check(&batch);
        batch_done(&batch);
}

/* Primes with n + 1 or n - 1 a power of two times little, and composites that pass the first test. */
static void test_mersenne_and_fermat_numbers(void) {
        static const unsigned exponents[] = { 131, 127 + 30, 256, 257, 512, 521, 607, 1024, 1279 };
        _cleanup_mpz_ mpz_t n;
        Batch batch;

        mpz_init(n);
        batch_init(&batch);
        for (size_t i = 0; i < ELEMENTSOF(exponents); i++) {
                mpz_set_ui(n, 0);
                mpz_setbit(n, exponents[i]);
                mpz_sub_ui(n, n, 1);
                batch_add(&batch, n, LARGE_BATCH_MAX);
                mpz_add_ui(n, n, 2);
                batch_add(&batch, n, LARGE_BATCH_MAX);
        }
        batch_check(&batch);
        batch_done(&batch);
}

static void test_products_and_squares(void) {
        _cleanup_mpz_ mpz_t p, q;
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        Batch batch;

        mpz_inits(p, q, NULL);
        batch_init(&batch);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned i = 0; i < 300; i++) {
                mpz_urandomb(p, state, 66 + i % 90);
                mpz_setbit(p, 65 + i % 90);
                mpz_nextprime(p, p);
                if (i % 3 == 0) {
                        mpz_mul_2exp(q, p, 1);
                        mpz_sub_ui(q, q, 1);
                } else if (i % 3 == 1)
                        mpz_set(q, p);
                else
                        mpz_nextprime(q, p);
                mpz_mul(q, q, p);
                batch_add(&batch, q, 7);
        }
        batch_check(&batch);
        batch_done(&batch);
        gmp_randclear(state);
}

static void test_known_composites(void) {
        _cleanup_mpz_ mpz_t n;
        unsigned n_rows = 0;
        Facts facts;
        Batch batch;

        mpz_init(n);
        batch_init(&batch);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "composite")) {
                facts_number(&facts, 1, n);
                if (mpz_sizeinbase(n, 2) <= 128)
                        continue;
                batch_add(&batch, n, LARGE_BATCH_MAX);
                n_rows++;
        }
        batch_check(&batch);
        CHECK(n_rows >= 3);
        facts_done(&facts);
        batch_done(&batch);
}

/* Long exponents are raised in pieces. */
static void test_pieces(void) {
        LargeTest *test = tests + ELEMENTSOF(tests) - 1;
        _cleanup_mpz_ mpz_t n;
        bool passed;

        mpz_init(n);
        mpz_setbit(n, 4423); /* a Mersenne prime */
        mpz_sub_ui(n, n, 1);
        CHECK_EQUAL(large_test_strong(test, (const mpz_t *) &n, 1, NULL, &passed), 0);
        CHECK(passed);
        mpz_set_ui(n, 0);
        mpz_setbit(n, 9689); /* another */
        mpz_sub_ui(n, n, 1);
        CHECK_EQUAL(large_test_strong(test, (const mpz_t *) &n, 1, NULL, &passed), 0);
        CHECK(passed);
        CHECK_EQUAL(large_test_drawn(test, (const mpz_t *) &n, 1, NULL, &passed), 0);
        CHECK(passed);
}

static void test_cancelled(void) {
        const atomic_bool cancel = true;
        _cleanup_mpz_ mpz_t n;
        bool passed;

        mpz_init(n);
        mpz_setbit(n, 20000);
        mpz_add_ui(n, n, 1);
        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                CHECK_EQUAL(large_test_strong(tests + i, (const mpz_t *) &n, 1, &cancel, &passed), -ECANCELED);
                CHECK_EQUAL(large_test_drawn(tests + i, (const mpz_t *) &n, 1, &cancel, &passed), -ECANCELED);
                CHECK_EQUAL(large_test_lucas(tests + i, (const mpz_t *) &n, 1, &cancel, &passed), -ECANCELED);
        }
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        folder = argv[1];
        strong_test_init(&strong);
        lucas_test_init(&lucas);
        ways_init();
        RUN(test_random_numbers_of_every_size);
        RUN(test_around_powers_of_two);
        RUN(test_mersenne_and_fermat_numbers);
        RUN(test_products_and_squares);
        RUN(test_known_composites);
        RUN(test_pieces);
        RUN(test_cancelled);
        ways_done();
        strong_test_done(&strong);
        lucas_test_done(&lucas);
        return tests_end();
}
