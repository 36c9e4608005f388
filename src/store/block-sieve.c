/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A sieve that stays where it is, for the block that probably comes next. */

#include "store/block-sieve.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "prime/sieve/run.h"
#include "store/facts.h"

struct BlockSieve {
        const Grid *grid;
        SieveRun *run;
        uint64_t next, end; /* blocks */
};

BlockSieve *block_sieve_new(const Grid *grid) {
        BlockSieve *sieve = malloc(sizeof *sieve);

        if (sieve)
                *sieve = (BlockSieve) { .grid = grid };
        return sieve;
}

BlockSieve *block_sieve_free(BlockSieve *sieve) {
        if (!sieve)
                return NULL;
        sieve_run_free(sieve->run);
        free(sieve);
        return NULL;
}

static int block_sieve_begin(BlockSieve *sieve, uint64_t sequence, uint64_t end, const mpz_t start) {
        Place place = { MAX(end, sequence + 1), 0 };
        _cleanup_mpz_ mpz_t stop;

        sieve->run = sieve_run_free(sieve->run);
        mpz_init(stop);
        place_number(sieve->grid, &place, stop);
        sieve->next = sequence;
        sieve->end = place.sequence;
        return sieve_run_new(start, stop, &(SieveEnvironment) {}, &sieve->run);
}

int block_sieve_compute(BlockSieve *sieve, uint64_t sequence, uint64_t end, uint8_t *bitmap) {
        _cleanup_mpz_ mpz_t start;
        Certainty certainty;
        GridBlock block;
        int r;

        mpz_init(start);
        grid_block(sieve->grid, sequence, start, &block);
        if (!sieve->run || sieve->next != sequence || sequence >= sieve->end) {
                r = block_sieve_begin(sieve, sequence, end, start);
                if (r < 0)
                        return r;
        }
        r = sieve_run_next(sieve->run, block.length, bitmap, &certainty);
        if (r < 0) {
                sieve->run = sieve_run_free(sieve->run);
                return r;
        }
        sieve->next++;
        bitmap_clip(bitmap, (size_t) (block.length / 30), block.low, block.high);
        return 0;
}
