/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A peer of the kernels: GMP's mpz_nextprime(), again and again.
 *
 * usage: peer-gmp BITS SECONDS       from 2^BITS on
 *
 * Prints "SECONDS PRIMES", seconds of CPU time. Built by `kernels`, with nothing but GMP.
 */

#include <gmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char *argv[]) {
        unsigned long n_primes = 0;
        clock_t begin, limit;
        mpz_t prime;

        if (argc != 3) {
                fprintf(stderr, "usage: peer-gmp BITS SECONDS\n");
                return 2;
        }
        mpz_init(prime);
        mpz_setbit(prime, strtoul(argv[1], NULL, 10));
        limit = (clock_t) (atof(argv[2]) * CLOCKS_PER_SEC);

        begin = clock();
        do {
                mpz_nextprime(prime, prime);
                n_primes++;
        } while (clock() - begin < limit);
        printf("%.6f %lu\n", (double) (clock() - begin) / CLOCKS_PER_SEC, n_primes);
        mpz_clear(prime);
        return 0;
}
