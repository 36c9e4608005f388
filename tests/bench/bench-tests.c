/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tests of single numbers against GMP's: nanoseconds for a strong test to base 2, the rest of Baillie-PSW, and what
 * the proofs take, on primes of some sizes.
 *
 * Both sides take turns and the least times are compared, so that a machine that is busy or changes its clock disturbs
 * both alike. What is compared:
 *
 *         strong          one strong test to base 2             : mpz_powm() with base 2
 *         BPSW            all that survivors_test() asks a prime : mpz_probab_prime_p(n, 24), which is Baillie-PSW
 *
 * Above 2^128 each way to compute has its line: on AVX-512 (IFMA), by the processor's kernel, on GMP's functions.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "prime/number.h"
#include "prime/test/bpsw-kernel.h"
#include "prime/test/large-test.h"
#include "prime/test/proof128.h"

#define N_NUMBERS 48 /* primes of one size; a multiple of all lanes */
#define TURNS 15
#define DEPTH UINT64_C(1000000000)

static mpz_t primes[N_NUMBERS];
static Number128 numbers[N_NUMBERS];
static uint64_t words[N_NUMBERS];

typedef void Work(void *userdata);

/* Microseconds of CPU time per number, of work on all of them. */
static double time_once(Work *work, void *userdata, unsigned n_times) {
        uint64_t begin = clock_thread_cpu_usec();

        for (unsigned i = 0; i < n_times; i++)
                work(userdata);
        return (double) (clock_thread_cpu_usec() - begin) / n_times / N_NUMBERS;
}

/* So many repetitions as take some 5 ms. */
static unsigned repetitions(Work *work, void *userdata) {
        double usec = time_once(work, userdata, 1) * N_NUMBERS;

        return usec > 5000 ? 1 : (unsigned) (5000 / MAX(usec, 1.0)) + 1;
}

static void must_pass(const bool *passed, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!passed[i]) {
                        fprintf(stderr, "A prime fails a test.\n");
                        exit(1);
                }
}

static void gmp_strong(void *userdata) {
        static mpz_t base, exponent, power;

        mpz_set_ui(base, 2);
        for (size_t i = 0; i < N_NUMBERS; i++) {
                mpz_sub_ui(exponent, primes[i], 1);
                mpz_powm(power, base, exponent, primes[i]);
        }
}

static void gmp_bpsw(void *userdata) {
        for (size_t i = 0; i < N_NUMBERS; i++)
                if (!mpz_probab_prime_p(primes[i], 24))
                        exit(1);
}

static void kernel_strong64(void *userdata) {
        const BpswKernel *kernel = userdata;
        bool passed[N_NUMBERS];

        kernel->strong64(words, N_NUMBERS, passed);
        must_pass(passed, N_NUMBERS);
}

static void kernel_lucas64(void *userdata) {
        const BpswKernel *kernel = userdata;
        bool passed[N_NUMBERS];

        kernel->lucas64(words, N_NUMBERS, passed);
        must_pass(passed, N_NUMBERS);
}

static void kernel_strong128(void *userdata) {
        const BpswKernel *kernel = userdata;
        bool passed[N_NUMBERS];

        kernel->strong128(numbers, N_NUMBERS, passed);
        must_pass(passed, N_NUMBERS);
}

static void kernel_lucas128(void *userdata) {
        const BpswKernel *kernel = userdata;
        bool passed[N_NUMBERS];

        kernel->lucas128(numbers, N_NUMBERS, passed);
        must_pass(passed, N_NUMBERS);
}

static void kernel_proof128(void *userdata) {
        const BpswKernel *kernel = userdata;

        for (size_t i = 0; i < N_NUMBERS; i++)
                if (proof128_reaches(numbers[i], DEPTH) && !proof128(kernel, numbers[i], DEPTH))
                        exit(1);
}

static void large(void *userdata, int (*test)(LargeTest *, const mpz_t *, size_t, const atomic_bool *, bool *)) {
        LargeTest *large_test = userdata;
        bool passed[LARGE_BATCH_MAX];

        for (size_t i = 0; i < N_NUMBERS; i += LARGE_BATCH_MAX) {
                if (test(large_test, primes + i, LARGE_BATCH_MAX, NULL, passed) < 0)
                        exit(1);
                must_pass(passed, LARGE_BATCH_MAX);
        }
}

static void large_strong(void *userdata) {
        large(userdata, large_test_strong);
}

static void large_lucas(void *userdata) {
        large(userdata, large_test_lucas);
}

static void large_drawn(void *userdata) {
        large(userdata, large_test_drawn);
}

/* The least times of several kinds of work that take turns. */
static void compare(Work *const *work, void *const *userdata, size_t n, double *ret_usec) {
        unsigned n_times[8];

        for (size_t i = 0; i < n; i++) {
                n_times[i] = repetitions(work[i], userdata[i]);
                ret_usec[i] = 1e300;
        }
        for (unsigned turn = 0; turn < TURNS; turn++)
                for (size_t i = 0; i < n; i++)
                        ret_usec[i] = MIN(ret_usec[i], time_once(work[i], userdata[i], n_times[i]));
}

static void print_row(unsigned n_bits, const char *name, const double usec[4], const char *third, double third_usec) {
        double bpsw = usec[2] + usec[3] + (n_bits > 128 ? third_usec : 0);

        printf("%5u %-9s %11.3f %9.3f %11.3f %11.3f %9.3f", n_bits, name, usec[2], usec[0] / usec[2], usec[3], bpsw,
               usec[1] / bpsw);
        if (third_usec > 0.001)
                printf(" %11.3f %s", third_usec, third);
        printf("\n");
        (void) fflush(stdout);
}

static void bench_small(unsigned n_bits) {
        const BpswKernel *kernel;

        for (size_t k = 0; (kernel = bpsw_kernel(k)); k++) {
                void *user = (void *) (uintptr_t) kernel;
                Work *const work64[] = { gmp_strong, gmp_bpsw, kernel_strong64, kernel_lucas64 };
                Work *const work128[] = { gmp_strong, gmp_bpsw, kernel_strong128, kernel_lucas128, kernel_proof128 };
                void *const users[] = { NULL, NULL, user, user, user };
                double usec[5] = {};

                if (n_bits <= 64)
                        compare(work64, users, ELEMENTSOF(work64), usec);
                else
                        compare(work128, users, ELEMENTSOF(work128), usec);
                print_row(n_bits, kernel->name, usec, "proof", usec[4]);
        }
}

static void bench_large(unsigned n_bits) {
        LargeTest ways[3];

        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                static const char *const names[] = { "ifma", "kernel", "gmp" };
                Work *const work[] = { gmp_strong, gmp_bpsw, large_strong, large_lucas, large_drawn };
                void *const users[] = { NULL, NULL, ways + i, ways + i, ways + i };
                double usec[5];

                large_test_init(ways + i);
                if ((i == 0 && !ways[i].has_ifma) || (i == 1 && !ways[i].kernel)) {
                        large_test_done(ways + i);
                        continue;
                }
                ways[i].has_ifma &= i == 0;
                if (i == 2)
                        ways[i].kernel = NULL;
                compare(work, users, ELEMENTSOF(work), usec);
                print_row(n_bits, names[i], usec, "drawn base", usec[4]);
                large_test_done(ways + i);
        }
}

int main(void) {
        static const unsigned sizes[] = { 64, 80, 96, 112, 127, 128, 160, 192, 256, 257, 384, 512, 513, 1024, 2048 };
        gmp_randstate_t state;

        gmp_randinit_default(state);
        for (size_t i = 0; i < N_NUMBERS; i++)
                mpz_init(primes[i]);
        printf(" bits way        strong, us   powm/it   Lucas, us    BPSW, us    gmp/it\n");
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                for (size_t k = 0; k < N_NUMBERS; k++) {
                        mpz_urandomb(primes[k], state, sizes[i] - 1);
                        mpz_setbit(primes[k], sizes[i] - 1);
                        mpz_nextprime(primes[k], primes[k]);
                        if (sizes[i] <= 128)
                                numbers[k] = number128_from(primes[k]);
                        words[k] = numbers[k].low;
                }
                (sizes[i] <= 128 ? bench_small : bench_large)(sizes[i]);
        }
        for (size_t i = 0; i < N_NUMBERS; i++)
                mpz_clear(primes[i]);
        gmp_randclear(state);
        return 0;
}
