/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Intervals of numbers. Whether the store still has the primes that it counts is for store/verify.h to say. */

#include "store/reader-interval.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "store/reader-query.h"

/* The blocks [first, end) that [low, high) touches. */
static int reader_find_blocks(Reader *reader, const mpz_t low, const mpz_t high, uint64_t *ret_first, uint64_t *ret_end,
                              Problem *problem) {
        _cleanup_mpz_ mpz_t number;
        const Grid *grid = reader_grid(reader);
        int r;

        mpz_init(number);
        if (mpz_cmp(low, high) >= 0) {
                *ret_first = *ret_end = 0;
                return 0;
        }
        r = reader_check_covers(reader, low, high, problem);
        if (r < 0)
                return r;
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
        _cleanup_(reader_query_freep) ReaderQuery *query = NULL;
        uint64_t before, until;
        int r;

        if (mpz_cmp(low, high) >= 0) {
                *ret = 0;
                return 0;
        }
        r = reader_check_covers(reader, low, high, problem);
        if (r < 0)
                return r;
        query = reader_query_new(reader);
        if (!query)
                return problem_set(problem, ENOMEM, "Out of memory.");
        r = reader_query_rank(query, low, &before, problem);
        if (r < 0)
                return r;
        r = reader_query_rank(query, high, &until, problem);
        if (r < 0)
                return r;
        *ret = until - before;
        return 0;
}
