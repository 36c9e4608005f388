/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every kernel of Baillie-PSW against the plain tests on GMP's integers (strong.h, lucas.h). */

#include "prime/test/bpsw-kernel.h"

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

/* Numbers with the answers that are expected. */
typedef struct Batch {
        size_t n;
        Number128 numbers[BPSW_BATCH_MAX];
        bool strong[BPSW_BATCH_MAX], lucas[BPSW_BATCH_MAX];
} Batch;

static void check_kernel(const BpswKernel *kernel, const Batch *batch) {
        bool is_small = batch->numbers[0].high == 0, passed[BPSW_BATCH_MAX];
        uint64_t words[BPSW_BATCH_MAX];

        for (size_t i = 0; i < batch->n; i++)
                words[i] = batch->numbers[i].low;
        if (is_small)
                kernel->strong64(words, batch->n, passed);
        else
                kernel->strong128(batch->numbers, batch->n, passed);
        for (size_t i = 0; i < batch->n; i++)
                if (passed[i] != batch->strong[i]) {
                        printf("# %s: strong %016" PRIx64 "%016" PRIx64 ", %zu of %zu\n", kernel->name,
                               batch->numbers[i].high, batch->numbers[i].low, i, batch->n);
                        CHECK(passed[i] == batch->strong[i]);
                }
        if (is_small)
                kernel->lucas64(words, batch->n, passed);
        else
                kernel->lucas128(batch->numbers, batch->n, passed);
        for (size_t i = 0; i < batch->n; i++)
                if (passed[i] != batch->lucas[i]) {
                        printf("# %s: Lucas %016" PRIx64 "%016" PRIx64 ", %zu of %zu\n", kernel->name,
                               batch->numbers[i].high, batch->numbers[i].low, i, batch->n);
                        CHECK(passed[i] == batch->lucas[i]);
                }
}

static void batch_check(Batch *batch) {
        const BpswKernel *kernel;

        for (size_t i = 0; batch->n > 0 && (kernel = bpsw_kernel(i)); i++)
                check_kernel(kernel, batch);
        batch->n = 0;
}

/* Numbers of both sizes must not be mixed. */
static void batch_add(Batch *batch, const mpz_t n, size_t n_max) {
        Number128 number = number128_from(n);

        if (batch->n > 0 && (batch->numbers[0].high == 0) != (number.high == 0))
                batch_check(batch);
        batch->numbers[batch->n] = number;
        batch->strong[batch->n] = strong_test_passes(&strong, n, 2);
        batch->lucas[batch->n] = lucas_test_passes(&lucas, n);
        if (++batch->n >= n_max)
                batch_check(batch);
}

static void test_kernels_exist(void) {
        const BpswKernel *kernel, *last = NULL;

        for (size_t i = 0; (kernel = bpsw_kernel(i)); i++) {
                printf("# %s\n", kernel->name);
                last = kernel;
        }
        CHECK(last == &bpsw_portable);
}

/* The strong pseudoprimes to base 2 (OEIS A001262) and the extra strong Lucas ones (A217719) among them. */
static void test_all_small_odd_numbers(void) {
        Batch batch = {};
        _cleanup_mpz_ mpz_t n;

        mpz_init(n);
        for (unsigned long i = 3; i < 300000; i += 2) {
                mpz_set_ui(n, i);
                batch_add(&batch, n, BPSW_BATCH_MAX);
        }
        batch_check(&batch);
}

/* Batches of all lengths, whose numbers need not have the same size. */
static void test_random_numbers_of_every_size(void) {
        _cleanup_mpz_ mpz_t n;
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        Batch batch = {};
        Random random;

        mpz_init(n);
        random_init(&random, seed);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned n_bits = 2; n_bits <= 128; n_bits++) {
                size_t n_max = 1 + (size_t) random_below(&random, BPSW_BATCH_MAX);

                for (unsigned i = 0; i < 200; i++) {
                        mpz_urandomb(n, state, n_bits);
                        mpz_setbit(n, n_bits - 1);
                        mpz_setbit(n, 0);
                        if (i % 2 == 1)
                                mpz_nextprime(n, n);
                        if (mpz_sizeinbase(n, 2) <= 128)
                                batch_add(&batch, n, n_max);
                }
        }
        batch_check(&batch);
        gmp_randclear(state);
}

/* Both sides of each power of two: the greatest and smallest numbers of a size, many twos in n - 1 or n + 1. */
static void test_around_powers_of_two(void) {
        _cleanup_mpz_ mpz_t power, n;
        Batch batch = {};

        mpz_inits(power, n, NULL);
        for (unsigned n_bits = 3; n_bits <= 128; n_bits++) {
                mpz_set_ui(power, 0);
                mpz_setbit(power, n_bits);
                for (unsigned long i = 1; i < 64 && (n_bits > 6 || i < 1UL << (n_bits - 1)); i += 2) {
                        mpz_sub_ui(n, power, i);
                        batch_add(&batch, n, BPSW_BATCH_MAX);
                        mpz_add_ui(n, power, i);
                        if (n_bits < 128)
                                batch_add(&batch, n, BPSW_BATCH_MAX);
                }
                /* k·2^e ± 1 */
                for (unsigned e = 2; e + 2 < n_bits; e++) {
                        mpz_set_ui(n, 0);
                        mpz_setbit(n, n_bits - 1);
                        mpz_setbit(n, e);
                        mpz_add_ui(n, n, 1);
                        batch_add(&batch, n, 16);
                        mpz_sub_ui(n, n, 2);
                        batch_add(&batch, n, 16);
                }
        }
        batch_check(&batch);
}

/* What passes one of the tests and is composite, alone and in company of primes. */
static void test_known_composites(void) {
        unsigned n_rows = 0;
        Batch batch = {}, alone = {};
        _cleanup_mpz_ mpz_t n;
        Facts facts;

        mpz_init(n);
        facts_open(&facts, folder, "facts.tsv");
        while (facts_next(&facts, "composite")) {
                bool is_strong = facts_u64(&facts, 2) >= 1, is_lucas = facts_u64(&facts, 3) == 1;

                facts_number(&facts, 1, n);
                if (mpz_sizeinbase(n, 2) > 128)
                        continue;
                batch_add(&alone, n, 2);
                CHECK(alone.n == 1 && alone.strong[0] == is_strong && alone.lucas[0] == is_lucas);
                batch_check(&alone);
                for (unsigned i = 0; i < 5; i++) {
                        batch_add(&batch, n, 24);
                        mpz_nextprime(n, n);
                        if (mpz_sizeinbase(n, 2) > 128)
                                break;
                }
                n_rows++;
        }
        batch_check(&batch);
        CHECK(n_rows >= 55);
        facts_done(&facts);
}

/* p·(2p - 1), p·q and p²: strong pseudoprimes are mostly of the first form, and no parameter exists for the last. */
static void test_products_of_two_primes(void) {
        _cleanup_mpz_ mpz_t p, q;
        uint64_t seed = test_seed();
        gmp_randstate_t state;
        Batch batch = {};

        mpz_inits(p, q, NULL);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned i = 0; i < 3000; i++) {
                mpz_urandomb(p, state, 20 + i % 42);
                mpz_nextprime(p, p);
                if (i % 3 == 0) {
                        mpz_mul_2exp(q, p, 1);
                        mpz_sub_ui(q, q, 1);
                } else if (i % 3 == 1)
                        mpz_set(q, p);
                else
                        mpz_nextprime(q, p);
                mpz_mul(q, q, p);
                batch_add(&batch, q, BPSW_BATCH_MAX);
        }
        batch_check(&batch);
        gmp_randclear(state);
}

/* strong128_bases() and euler128() by definition. */
static void test_other_bases(void) {
        static const uint64_t bases[] = { 2, 3, 5, 41, 373, UINT64_C(0xffffffffffffffc5), 1000003 };
        _cleanup_mpz_ mpz_t n, base, power;
        uint64_t seed = test_seed();
        const BpswKernel *kernel;
        gmp_randstate_t state;

        mpz_inits(n, base, power, NULL);
        gmp_randinit_default(state);
        gmp_randseed_ui(state, (unsigned long) seed);
        for (unsigned i = 0; i < 600; i++) {
                Number128 number;

                mpz_urandomb(n, state, 65 + i % 64);
                mpz_setbit(n, 64 + i % 64);
                mpz_setbit(n, 0);
                if (i % 4 > 0)
                        mpz_nextprime(n, n);
                if (mpz_sizeinbase(n, 2) > 128)
                        continue;
                number = number128_from(n);
                for (size_t k = 0; (kernel = bpsw_kernel(k)); k++) {
                        int powers[ELEMENTSOF(bases)];

                        kernel->euler128(number, bases, ELEMENTSOF(bases), powers);
                        for (size_t b = 0; b < ELEMENTSOF(bases); b++) {
                                number_set_u64(base, bases[b]);
                                mpz_sub_ui(power, n, 1);
                                mpz_tdiv_q_2exp(power, power, 1);
                                mpz_powm(power, base, power, n);
                                if (mpz_cmp_ui(power, 1) == 0)
                                        CHECK_EQUAL(powers[b], 1);
                                else {
                                        mpz_add_ui(power, power, 1);
                                        CHECK_EQUAL(powers[b], mpz_cmp(power, n) == 0 ? -1 : 0);
                                }
                        }
                        for (size_t b = 0; b < 4; b++)
                                CHECK(kernel->strong128_bases(number, bases + b, 1) ==
                                      strong_test_passes(&strong, n, (unsigned long) bases[b]));
                        if (i % 4 > 0)
                                CHECK(kernel->strong128_bases(number, bases, ELEMENTSOF(bases)));
                }
        }
        gmp_randclear(state);
}

int main(int argc, char *argv[]) {
        CHECK(argc == 2);
        folder = argv[1];
        strong_test_init(&strong);
        lucas_test_init(&lucas);
        RUN(test_kernels_exist);
        RUN(test_all_small_odd_numbers);
        RUN(test_random_numbers_of_every_size);
        RUN(test_around_powers_of_two);
        RUN(test_known_composites);
        RUN(test_products_of_two_primes);
        RUN(test_other_bases);
        strong_test_done(&strong);
        lucas_test_done(&lucas);
        return tests_end();
}
