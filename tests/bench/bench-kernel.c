/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The bare kernel against its peers, in one run on one core.
 *
 * Both sides of a comparison take turns, five times, and the medians of their CPU times are compared, so that a
 * machine that is busy or changes its clock disturbs both alike. What is compared:
 *
 *         below 2^64   sieve_run_next() writing the whole bitmap : primesieve_count_primes() with one thread
 *         above 2^64   the same, per prime found                 : GMP's mpz_nextprime()
 *
 * The kernel writes windows of sieve_window_length() into one buffer, and is cold each time: its base primes too.
 *
 * usage: bench-kernel [NUMBERS]   the width of the intervals below 2^64, 10^9 by default
 */

#include <inttypes.h>
#include <primesieve.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/sieve/run.h"

#define TURNS 5
#define NEXT_PRIMES 200 /* that GMP finds in one turn */

/* The CPU time per turn, and what was found. */
typedef struct Turns {
        double seconds[TURNS];
        uint64_t n_primes;
} Turns;

static int compare_seconds(const void *a, const void *b) {
        const double *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static double turns_median(Turns *turns) {
        qsort(turns->seconds, TURNS, sizeof *turns->seconds, compare_seconds);
        return turns->seconds[TURNS / 2];
}

/* The primes that the kernel finds in [start, start + length), which are whole bytes. */
static uint64_t kernel_count(const mpz_t start, uint64_t length, uint64_t window_length, uint8_t *bitmap) {
        _cleanup_(sieve_run_freep) SieveRun *run = NULL;
        _cleanup_mpz_ mpz_t stop;
        uint64_t n_primes = 0;

        mpz_init(stop);
        number_add_u64(stop, start, length);
        if (sieve_run_new(start, stop, &(SieveEnvironment) {}, &run) < 0)
                exit(1);
        for (uint64_t done = 0; done < length; done += window_length) {
                Certainty certainty;
                uint64_t n = MIN(window_length, length - done);

                if (sieve_run_next(run, n, bitmap, &certainty) < 0)
                        exit(1);
                n_primes += bitmap_count(bitmap, (size_t) (n / 30));
        }
        return n_primes;
}

/* A buffer for windows at `start`, whose pages the system has given already. */
static uint8_t *make_bitmap(const mpz_t start, uint64_t length, uint64_t *ret_window_length) {
        uint64_t window_length = MIN(sieve_window_length(start, &(SieveEnvironment) {}), length);
        uint8_t *bitmap = malloc((size_t) (window_length / 30));

        if (!bitmap)
                exit(1);
        memset(bitmap, 1, (size_t) (window_length / 30));
        *ret_window_length = window_length;
        return bitmap;
}

static void compare_below64(const char *name, uint64_t length) {
        Turns kernel = {}, peer = {};
        _cleanup_free_ uint8_t *bitmap = NULL;
        _cleanup_mpz_ mpz_t start;
        uint64_t first, window_length;

        mpz_init(start);
        if (number_parse(start, name, NULL) < 0)
                exit(1);
        mpz_sub_ui(start, start, mpz_fdiv_ui(start, 30));
        first = number_get_u64(start);
        bitmap = make_bitmap(start, length, &window_length);

        for (unsigned i = 0; i < TURNS; i++) {
                usec_t begin = clock_thread_cpu_usec();

                kernel.n_primes = kernel_count(start, length, window_length, bitmap);
                kernel.seconds[i] = (double) (clock_thread_cpu_usec() - begin) / USEC_PER_SEC;
                begin = clock_thread_cpu_usec();
                peer.n_primes = primesieve_count_primes(first, first + length - 1);
                peer.seconds[i] = (double) (clock_thread_cpu_usec() - begin) / USEC_PER_SEC;
        }
        if (kernel.n_primes != peer.n_primes) {
                printf("%s: %" PRIu64 " primes, but primesieve counts %" PRIu64 "\n", name, kernel.n_primes,
                       peer.n_primes);
                exit(1);
        }
        printf("%-9s  bitmap %7.3f s  primesieve counts %7.3f s  kernel's speed is %5.2f of primesieve's\n", name,
               turns_median(&kernel), turns_median(&peer), turns_median(&peer) / turns_median(&kernel));
}

/* The seconds that GMP needs for NEXT_PRIMES primes from `start` on. */
static double gmp_seconds(const mpz_t start) {
        _cleanup_mpz_ mpz_t prime;
        usec_t begin = clock_thread_cpu_usec();

        mpz_init_set(prime, start);
        for (unsigned i = 0; i < NEXT_PRIMES; i++)
                mpz_nextprime(prime, prime);
        return (double) (clock_thread_cpu_usec() - begin) / USEC_PER_SEC;
}

static void compare_above64(const char *name) {
        Turns kernel = {}, peer = {};
        _cleanup_free_ uint8_t *bitmap = NULL;
        _cleanup_mpz_ mpz_t start;
        uint64_t length, window_length;

        mpz_init(start);
        if (number_parse(start, name, NULL) < 0)
                exit(1);
        mpz_sub_ui(start, start, mpz_fdiv_ui(start, 30));
        length = grid_block_length(mpz_sizeinbase(start, 2)) / 2 / 30 * 30;
        bitmap = make_bitmap(start, length, &window_length);

        for (unsigned i = 0; i < TURNS; i++) {
                usec_t begin = clock_thread_cpu_usec();

                kernel.n_primes = kernel_count(start, length, window_length, bitmap);
                kernel.seconds[i] = (double) (clock_thread_cpu_usec() - begin) / USEC_PER_SEC;
                peer.seconds[i] = gmp_seconds(start);
        }
        printf("%-9s  kernel %8.0f primes/s  GMP's mpz_nextprime %8.0f primes/s  kernel is %5.1f times as fast\n",
               name, (double) kernel.n_primes / turns_median(&kernel), NEXT_PRIMES / turns_median(&peer),
               (double) kernel.n_primes / turns_median(&kernel) * turns_median(&peer) / NEXT_PRIMES);
}

int main(int argc, char *argv[]) {
        _cleanup_mpz_ mpz_t length;

        mpz_init_set_ui(length, 1000000000);
        if (argc > 2 || (argc == 2 && number_parse(length, argv[1], NULL) < 0) ||
            mpz_sizeinbase(length, 2) > 40) {
                fprintf(stderr, "usage: bench-kernel [NUMBERS below 2^40]\n");
                return 2;
        }
        mpz_sub_ui(length, length, mpz_fdiv_ui(length, 30));
        (void) setvbuf(stdout, NULL, _IOLBF, 0);
        primesieve_set_num_threads(1);

        compare_below64("10^10", number_get_u64(length));
        compare_below64("10^12", number_get_u64(length));
        compare_below64("10^15", number_get_u64(length));
        compare_below64("10^18", number_get_u64(length));
        compare_below64("18*10^18", number_get_u64(length));
        compare_above64("2^65");
        compare_above64("2^80");
        compare_above64("2^128");
        compare_above64("2^256");
        return 0;
}
