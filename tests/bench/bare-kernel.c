/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel and nothing else: computes the blocks of a job with one thread and throws them away.
 *
 * usage: bare-kernel FROM LENGTH       prints "SECONDS PRIMES", seconds of wall time
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/sieve/run.h"

static uint64_t compute(const Grid *grid, uint8_t *bitmap) {
        const SieveEnvironment environment = {};
        _cleanup_mpz_ mpz_t start;
        uint64_t n_primes = 0;
        SieveRun *run = NULL;

        mpz_init(start);
        for (uint64_t sequence = 0; sequence < grid->n_blocks; sequence++) {
                Certainty certainty;
                GridBlock block;

                grid_block(grid, sequence, start, &block);
                if (!run && sieve_run_new(start, grid->to, &environment, &run) < 0)
                        exit(1);
                if (sieve_run_next(run, block.length, bitmap, &certainty) < 0)
                        exit(1);
                bitmap_clip(bitmap, block.length / 30, block.low, block.high);
                n_primes += bitmap_count(bitmap, block.length / 30) + bitmap_small_primes(&block, mpz_sgn(start) == 0);
        }
        sieve_run_free(run);
        return n_primes;
}

int main(int argc, char *argv[]) {
        uint8_t *bitmap = malloc(GRID_BLOCK_BYTES_MAX);
        mpz_t from, to;
        uint64_t n_primes;
        usec_t begin;
        Grid grid;

        mpz_inits(from, to, NULL);
        if (!bitmap || argc != 3 || number_parse(from, argv[1], NULL) < 0 || number_parse(to, argv[2], NULL) < 0) {
                fprintf(stderr, "usage: bare-kernel FROM LENGTH\n");
                return 2;
        }
        mpz_add(to, to, from);
        if (grid_init(&grid, from, to, NULL) < 0)
                return 2;
        begin = clock_now_usec();
        n_primes = compute(&grid, bitmap);
        printf("%.6f %" PRIu64 "\n", (double) (clock_now_usec() - begin) / 1e6, n_primes);
        grid_done(&grid);
        mpz_clears(from, to, NULL);
        free(bitmap);
        return 0;
}
