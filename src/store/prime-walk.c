/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lists of primes. The walk over blocks knows one direction only; downwards it is told one block at a time. A list
 * stays in the first-level cache, the whole of a block would not.
 */

#include "store/prime-walk.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/number.h"

int prime_walk_init(PrimeWalk *walk, Reader *reader, const mpz_t low, const mpz_t high, bool reverse,
                    Problem *problem) {
        int r;

        r = reader_walk_init(&walk->block, reader, low, high, problem);
        if (r < 0)
                return r;
        walk->first = walk->block.next;
        walk->end = walk->block.end;
        walk->reverse = reverse;
        walk->has_small = false;
        walk->n_offsets = 0;
        offset_walk_init(&walk->bits, NULL, 0, reverse);
        return 0;
}

void prime_walk_done(PrimeWalk *walk) {
        reader_walk_done(&walk->block);
}

static int walk_load_block(PrimeWalk *walk, Problem *problem) {
        int r;

        if (walk->first >= walk->end)
                return 0;
        walk->block.next = walk->reverse ? walk->end - 1 : walk->first;
        walk->block.end = walk->block.next + 1;
        r = reader_walk_next(&walk->block, problem);
        if (r <= 0)
                return r;
        if (walk->reverse)
                walk->end--;
        else
                walk->first++;
        offset_walk_init(&walk->bits, walk->block.bitmap, walk->block.n_bytes, walk->reverse);
        walk->has_small = mpz_sgn(walk->block.start) == 0;
        return 1;
}

/* 2, 3 and 5 have no bit. */
static size_t walk_small(PrimeWalk *walk) {
        static const uint8_t small[] = { 2, 3, 5 };
        const GridBlock *cell = &walk->block.cell;
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(small); i++) {
                uint8_t p = small[walk->reverse ? ELEMENTSOF(small) - 1 - i : i];

                if (p >= cell->low && p < cell->high)
                        walk->offsets[n++] = p;
        }
        walk->has_small = false;
        return n;
}

int prime_walk_next(PrimeWalk *walk, Problem *problem) {
        for (;;) {
                size_t n = 0;
                int r;

                if (walk->has_small && !walk->reverse)
                        n = walk_small(walk);
                if (n == 0)
                        n = offset_walk_next(&walk->bits, walk->offsets, PRIME_WALK_LIST);
                if (n == 0 && walk->has_small)
                        n = walk_small(walk);
                walk->n_offsets = n;
                if (n > 0)
                        return 1;
                r = walk_load_block(walk, problem);
                if (r <= 0)
                        return r;
        }
}

int prime_walk_find_last(Reader *reader, const mpz_t low, const mpz_t high, uint64_t n, mpz_t ret, Problem *problem) {
        _cleanup_free_ PrimeWalk *walk = NULL;
        bool found = n == 0;
        int r;

        walk = malloc(sizeof *walk);
        if (!walk)
                return problem_set(problem, ENOMEM, "Out of memory.");
        r = prime_walk_init(walk, reader, low, high, true, problem);
        if (r < 0)
                return r;
        if (found)
                mpz_set(ret, high);
        while (!found && (r = prime_walk_next(walk, problem)) > 0) {
                found = n <= walk->n_offsets;
                if (found)
                        number_add_u64(ret, walk->block.start, walk->offsets[n - 1]);
                n -= MIN(n, (uint64_t) walk->n_offsets);
        }
        prime_walk_done(walk);
        if (r < 0)
                return r;
        if (!found)
                mpz_set(ret, low);
        return 0;
}
