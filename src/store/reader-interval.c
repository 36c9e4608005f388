/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Intervals of numbers. Counts are not taken from manifest and footers, where they stand too: the answer to "how many"
 * is the number of bits in bitmaps that were read and held against their digests, so that a store which lost some of
 * them cannot give it.
 */

#include "store/reader-interval.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"

/* The blocks [first, end) that [low, high) touches. */
static int reader_find_blocks(Reader *reader, const mpz_t low, const mpz_t high, uint64_t *ret_first, uint64_t *ret_end,
                              Problem *problem) {
        _cleanup_mpz_ mpz_t number;
        const Grid *grid = reader_grid(reader);

        mpz_init(number);
        if (mpz_cmp(low, high) >= 0) {
                *ret_first = *ret_end = 0;
                return 0;
        }
        reader_coverage(reader, number);
        if (mpz_cmp(low, grid->from) < 0 || mpz_cmp(high, number) > 0) {
                _cleanup_free_ char *from = number_format_short(grid->from), *end = number_format_short(number);

                return problem_set(problem, ERANGE, "The store covers the numbers from %s up to but not including %s.",
                                   from ?: "?", end ?: "?");
        }
        mpz_sub_ui(number, high, 1);
        if (!grid_find(grid, low, ret_first) || !grid_find(grid, number, ret_end))
                return problem_set(problem, ERANGE, "The interval lies outside of the job.");
        ++*ret_end;
        return 0;
}

/* Cuts a block to [low, high). */
static void cell_clip(GridBlock *cell, const mpz_t start, const mpz_t low, const mpz_t high) {
        _cleanup_mpz_ mpz_t offset;

        mpz_init(offset);
        mpz_sub(offset, low, start);
        if (mpz_sgn(offset) > 0)
                cell->low = mpz_cmp_ui(offset, (unsigned long) cell->high) >= 0
                        ? cell->high : MAX(cell->low, (uint64_t) mpz_get_ui(offset));
        mpz_sub(offset, high, start);
        if (mpz_sgn(offset) <= 0)
                cell->high = cell->low;
        else if (mpz_cmp_ui(offset, (unsigned long) cell->high) < 0)
                cell->high = MAX(cell->low, (uint64_t) mpz_get_ui(offset));
}

int reader_walk_init(ReaderWalk *walk, Reader *reader, const mpz_t low, const mpz_t high, Problem *problem) {
        uint64_t first, end;
        uint8_t *bitmap;
        int r;

        r = reader_find_blocks(reader, low, high, &first, &end, problem);
        if (r < 0)
                return r;
        bitmap = malloc((size_t) (reader_grid(reader)->block_length / 30));
        if (!bitmap)
                return problem_set(problem, ENOMEM, "Out of memory.");
        *walk = (ReaderWalk) { .reader = reader, .next = first, .end = end, .bitmap = bitmap };
        mpz_init_set(walk->low, low);
        mpz_init_set(walk->high, high);
        mpz_init(walk->start);
        return 0;
}

int reader_walk_next(ReaderWalk *walk, Problem *problem) {
        int r;

        if (walk->next >= walk->end)
                return 0;
        r = reader_read_block(walk->reader, walk->next, walk->bitmap, problem);
        if (r < 0)
                return r;
        grid_block(reader_grid(walk->reader), walk->next, walk->start, &walk->cell);
        cell_clip(&walk->cell, walk->start, walk->low, walk->high);
        walk->n_bytes = (size_t) (walk->cell.length / 30);
        bitmap_clip(walk->bitmap, walk->n_bytes, walk->cell.low, walk->cell.high);
        walk->next++;
        return 1;
}

void reader_walk_done(ReaderWalk *walk) {
        mpz_clear(walk->low);
        mpz_clear(walk->high);
        mpz_clear(walk->start);
        free(walk->bitmap);
        *walk = (ReaderWalk) {};
}

int reader_count(Reader *reader, const mpz_t low, const mpz_t high, uint64_t *ret, Problem *problem) {
        uint64_t count = 0;
        ReaderWalk walk;
        int r;

        r = reader_walk_init(&walk, reader, low, high, problem);
        if (r < 0)
                return r;
        while ((r = reader_walk_next(&walk, problem)) > 0)
                count += bitmap_count(walk.bitmap, walk.n_bytes) +
                         bitmap_small_primes(&walk.cell, mpz_sgn(walk.start) == 0);
        reader_walk_done(&walk);
        if (r < 0)
                return r;
        *ret = count;
        return 0;
}
