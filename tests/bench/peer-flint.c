/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A peer of the kernels: FLINT, which has no sieve beyond 64 bits; so its fmpz_is_probabprime(), a BPSW test, for
 * what a small sieve leaves over.
 *
 * usage: peer-flint BITS SECONDS       from 2^BITS on
 *
 * Prints "SECONDS PRIMES", seconds of CPU time. Built by `kernels`, with nothing but FLINT.
 */

#include <flint/flint.h>
#include <flint/fmpz.h>
#include <flint/ulong_extras.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WIDTH 100000       /* numbers that are sieved at once */
#define DEPTH_PER_BIT 1000 /* by primes up to so much for each bit: about where a division costs more than it saves */

/* composite[i] becomes 1 if start + i has a prime factor below `depth`. */
static void sieve(const fmpz_t start, ulong depth, uint8_t *composite) {
        n_primes_t primes;

        n_primes_init(primes);
        memset(composite, 0, WIDTH);
        for (ulong p = n_primes_next(primes); p < depth; p = n_primes_next(primes)) {
                ulong rest = fmpz_fdiv_ui(start, p);

                for (ulong i = rest == 0 ? 0 : p - rest; i < WIDTH; i += p)
                        composite[i] = 1;
        }
        n_primes_clear(primes);
}

int main(int argc, char *argv[]) {
        static uint8_t composite[WIDTH];
        unsigned long n_primes = 0;
        clock_t begin, limit;
        fmpz_t start, candidate;
        ulong n_bits;

        if (argc != 3) {
                fprintf(stderr, "usage: peer-flint BITS SECONDS\n");
                return 2;
        }
        n_bits = strtoul(argv[1], NULL, 10);
        limit = (clock_t) (atof(argv[2]) * CLOCKS_PER_SEC);
        fmpz_init(start);
        fmpz_init(candidate);
        fmpz_setbit(start, n_bits);

        begin = clock();
        do {
                sieve(start, DEPTH_PER_BIT * n_bits, composite);
                for (ulong i = 0; i < WIDTH && clock() - begin < limit; i++)
                        if (!composite[i]) {
                                fmpz_add_ui(candidate, start, i);
                                n_primes += fmpz_is_probabprime(candidate) == 1;
                        }
                fmpz_add_ui(start, start, WIDTH);
        } while (clock() - begin < limit);
        printf("%.6f %lu\n", (double) (clock() - begin) / CLOCKS_PER_SEC, n_primes);
        fmpz_clear(start);
        fmpz_clear(candidate);
        flint_cleanup();
        return 0;
}
