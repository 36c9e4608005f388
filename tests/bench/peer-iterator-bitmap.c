/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A peer of the kernels: the wheel-30 bitmap by libprimesieve's iterator.
 *
 * usage: peer-iterator-bitmap FROM LENGTH [buffer]
 *
 * With "buffer", the primes are taken from the iterator's own array, which its header shows, and not by
 * primesieve_next_prime(). The bitmap is written in pieces of 1 MiB, one over the other, so that it stays in a cache.
 * Prints "SECONDS PRIMES", seconds of CPU time. Built by `kernels`, with nothing but libprimesieve.
 */

#include <inttypes.h>
#include <primesieve.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIECE_BYTES ((size_t) 1 << 20)

/* The bit of each residue modulo 30; 8, which is none of a byte's, for those that share a factor with 30. */
static const uint8_t residue_bit[30] = {
        8, 0, 8, 8, 8, 8, 8, 1, 8, 8, 8, 2, 8, 3, 8, 8, 8, 4, 8, 5, 8, 8, 8, 6, 8, 8, 8, 8, 8, 7,
};

static uint8_t bitmap[PIECE_BYTES];

static void set_bit(uint64_t offset) {
        bitmap[offset / 30] |= (uint8_t) (1U << residue_bit[offset % 30]);
}

/* The primes of [start, end) by primesieve_next_prime(). `pending`: one that was asked for and not yet used, or 0. */
static uint64_t fill_by_call(primesieve_iterator *iterator, uint64_t pending, uint64_t start, uint64_t end) {
        uint64_t prime = pending > 0 ? pending : primesieve_next_prime(iterator);

        for (; prime < end; prime = primesieve_next_prime(iterator))
                set_bit(prime - start);
        return prime;
}

static void fill_by_buffer(primesieve_iterator *iterator, uint64_t start, uint64_t end) {
        for (;;) {
                size_t i = iterator->i;

                for (; i < iterator->size && iterator->primes[i] < end; i++)
                        set_bit(iterator->primes[i] - start);
                iterator->i = i;
                if (i < iterator->size)
                        return;
                primesieve_generate_next_primes(iterator);
                if (iterator->is_error)
                        exit(1);
        }
}

int main(int argc, char *argv[]) {
        int by_buffer = argc == 4 && strcmp(argv[3], "buffer") == 0;
        uint64_t from, end, n_primes = 0, pending = 0;
        primesieve_iterator iterator;
        clock_t begin;

        if (argc < 3 || argc > 4 || (argc == 4 && !by_buffer)) {
                fprintf(stderr, "usage: peer-iterator-bitmap FROM LENGTH [buffer]\n");
                return 2;
        }
        from = strtoull(argv[1], NULL, 10) / 30 * 30;
        end = from + strtoull(argv[2], NULL, 10) / 30 * 30;
        memset(bitmap, 0xff, sizeof bitmap);

        begin = clock();
        primesieve_init(&iterator);
        primesieve_jump_to(&iterator, from, end);
        for (uint64_t start = from; start < end; start += PIECE_BYTES * 30) {
                uint64_t stop = end - start < PIECE_BYTES * 30 ? end : start + PIECE_BYTES * 30;

                memset(bitmap, 0, sizeof bitmap);
                if (by_buffer)
                        fill_by_buffer(&iterator, start, stop);
                else
                        pending = fill_by_call(&iterator, pending, start, stop);
                for (size_t i = 0; i < sizeof bitmap; i += sizeof(uint64_t)) {
                        uint64_t word;

                        memcpy(&word, bitmap + i, sizeof word);
                        n_primes += (uint64_t) __builtin_popcountll(word);
                }
        }
        printf("%.6f %" PRIu64 "\n", (double) (clock() - begin) / CLOCKS_PER_SEC, n_primes);
        primesieve_free_iterator(&iterator);
        return 0;
}
