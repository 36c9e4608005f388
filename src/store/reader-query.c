/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Questions about single numbers. The facts of a block, in its record's header, come first: a block without primes, or
 * a number outside of its first and last one, needs no bitmap. With large numbers that is the usual case, and there the
 * bitmap may be dear. The next block with a prime is found by its rank, however many empty ones are between.
 */

#include "store/reader-query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/text.h"
#include "prime/bitmap-search.h"
#include "prime/bitmap.h"
#include "prime/number.h"

struct ReaderQuery {
        Reader *reader;
        uint64_t sequence; /* of the block below */
        bool has_block, has_bitmap;
        BlockShape shape;
        Facts facts;
        uint8_t *bitmap; /* room for any block of the job */
};

ReaderQuery *reader_query_new(Reader *reader) {
        ReaderQuery *query = malloc(sizeof *query);

        if (!query)
                return NULL;
        *query = (ReaderQuery) {
                .reader = reader,
                .bitmap = malloc((size_t) (reader_grid(reader)->block_length / 30)),
        };
        return query->bitmap ? query : reader_query_free(query);
}

ReaderQuery *reader_query_free(ReaderQuery *query) {
        if (!query)
                return NULL;
        free(query->bitmap);
        free(query);
        return NULL;
}

int reader_check_covers(Reader *reader, const mpz_t low, const mpz_t high, Problem *problem) {
        const Grid *grid = reader_grid(reader);
        _cleanup_free_ char *from = NULL, *end = NULL;
        _cleanup_mpz_ mpz_t coverage;

        mpz_init(coverage);
        reader_coverage(reader, coverage);
        if (mpz_cmp(low, grid->from) >= 0 && mpz_cmp(high, coverage) <= 0)
                return 0;
        if (mpz_cmp(grid->from, coverage) == 0)
                return problem_set(problem, ERANGE, "The store covers no number yet.");
        from = number_format_short(grid->from);
        end = number_format_short(coverage);
        return problem_set(problem, ERANGE, "The store covers the numbers from %s up to but not including %s.",
                           from ?: "?", end ?: "?");
}

/* The block */

static int query_load_block(ReaderQuery *query, uint64_t sequence, Problem *problem) {
        int r;

        if (query->has_block && query->sequence == sequence)
                return 0;
        query->has_block = query->has_bitmap = false;
        r = reader_block_facts(query->reader, sequence, &query->facts, problem);
        if (r < 0)
                return r;
        block_shape(reader_grid(query->reader), sequence, &query->shape);
        query->sequence = sequence;
        query->has_block = true;
        return 0;
}

static int query_load_bitmap(ReaderQuery *query, Problem *problem) {
        int r;

        if (query->has_bitmap)
                return 0;
        r = reader_read_block(query->reader, query->sequence, query->bitmap, problem);
        if (r < 0)
                return r;
        query->has_bitmap = true;
        return 0;
}

/* Whether `number` is where the coverage ends. */
static bool query_is_end(const ReaderQuery *query, const mpz_t number) {
        _cleanup_mpz_ mpz_t coverage;

        mpz_init(coverage);
        reader_coverage(query->reader, coverage);
        return mpz_cmp(number, coverage) == 0;
}

/* Loads the block of a number that the store covers. */
static int query_load_number(ReaderQuery *query, const mpz_t number, uint64_t *ret_offset, Problem *problem) {
        const Grid *grid = reader_grid(query->reader);
        uint64_t sequence;

        if (!grid_find(grid, number, &sequence))
                return problem_set(problem, ERANGE, "The number lies outside of the job.");
        *ret_offset = mpz_fdiv_ui(number, (unsigned long) grid->block_length);
        return query_load_block(query, sequence, problem);
}

/* Offsets in what follows count from the grid cell, as those of facts do. 2, 3 and 5 have no bit. */

static bool block_has_small(const ReaderQuery *query, uint64_t offset) {
        return query->shape.starts_at_zero && (offset == 2 || offset == 3 || offset == 5) &&
               offset >= query->shape.low && offset < query->shape.high;
}

/* The block has a prime at or above `offset`. */
static bool block_next(const ReaderQuery *query, uint64_t offset, uint64_t *ret) {
        uint64_t cell_offset = query->shape.cell_offset, found;

        for (uint64_t small = offset; small <= 5; small++)
                if (block_has_small(query, small)) {
                        *ret = small;
                        return true;
                }
        if (!bitmap_find_next(query->bitmap, query->shape.n_bytes, offset - cell_offset, &found))
                return false;
        *ret = found + cell_offset;
        return true;
}

/* The block has a prime below `offset`. */
static bool block_previous(const ReaderQuery *query, uint64_t offset, uint64_t *ret) {
        uint64_t cell_offset = query->shape.cell_offset, found;

        if (bitmap_find_previous(query->bitmap, query->shape.n_bytes, offset - cell_offset, &found)) {
                *ret = found + cell_offset;
                return true;
        }
        for (uint64_t small = 6; small-- > 2;)
                if (small < offset && block_has_small(query, small)) {
                        *ret = small;
                        return true;
                }
        return false;
}

static uint64_t block_rank(const ReaderQuery *query, uint64_t offset) {
        uint64_t rank = bitmap_rank(query->bitmap, query->shape.n_bytes, offset - query->shape.cell_offset);

        for (uint64_t small = 2; small <= 5 && small < offset; small++)
                rank += block_has_small(query, small);
        return rank;
}

static bool block_select(const ReaderQuery *query, uint64_t rank, uint64_t *ret) {
        uint64_t found;

        for (uint64_t small = 2; small <= 5; small++)
                if (block_has_small(query, small)) {
                        if (rank == 0) {
                                *ret = small;
                                return true;
                        }
                        rank--;
                }
        if (!bitmap_select(query->bitmap, query->shape.n_bytes, rank, &found))
                return false;
        *ret = found + query->shape.cell_offset;
        return true;
}

/* A digest holds the bitmap to what it was; that it has what the header says is for `verify` to tell. */
static int query_contradiction(const ReaderQuery *query, Problem *problem) {
        return problem_set(problem, EBADMSG, "The header of block %" PRIu64 " does not describe the primes in it: "
                           "'primectl verify' says what is wrong with the store.", query->sequence);
}

static void query_number(const ReaderQuery *query, uint64_t offset, mpz_t ret) {
        const Place place = { query->sequence, offset };

        place_number(reader_grid(query->reader), &place, ret);
}

/* Questions */

int reader_query_contains(ReaderQuery *query, const mpz_t number, Problem *problem) {
        _cleanup_mpz_ mpz_t end;
        uint64_t offset;
        int r;

        mpz_init(end);
        mpz_add_ui(end, number, 1);
        r = reader_check_covers(query->reader, number, end, problem);
        if (r < 0)
                return r;
        if (mpz_cmp_ui(number, 5) > 0 && bitmap_residue_bit[mpz_fdiv_ui(number, 30)] == 8)
                return 0;
        r = query_load_number(query, number, &offset, problem);
        if (r < 0)
                return r;
        if (query->facts.count == 0 || offset < query->facts.first.offset || offset > query->facts.last.offset)
                return 0;
        if (block_has_small(query, offset))
                return 1;
        r = query_load_bitmap(query, problem);
        if (r < 0)
                return r;
        return bitmap_contains(query->bitmap, query->shape.n_bytes, offset - query->shape.cell_offset);
}

/* The first prime of the blocks from `sequence` on. */
static int query_first_from(ReaderQuery *query, uint64_t sequence, mpz_t ret, Problem *problem) {
        uint64_t rank, n_primes;
        int r;

        r = reader_rank(query->reader, sequence, &rank, problem);
        if (r < 0)
                return r;
        r = reader_rank(query->reader, reader_frontier(query->reader), &n_primes, problem);
        if (r < 0)
                return r;
        if (rank == n_primes)
                return 0;
        r = reader_query_nth(query, rank, ret, problem);
        return r < 0 ? r : 1;
}

int reader_query_next(ReaderQuery *query, const mpz_t number, mpz_t ret, Problem *problem) {
        uint64_t offset;
        int r;

        r = reader_check_covers(query->reader, number, number, problem);
        if (r < 0)
                return r;
        if (query_is_end(query, number))
                return 0;
        r = query_load_number(query, number, &offset, problem);
        if (r < 0)
                return r;
        if (query->facts.count == 0 || offset > query->facts.last.offset)
                return query_first_from(query, query->sequence + 1, ret, problem);
        if (offset <= query->facts.first.offset)
                offset = query->facts.first.offset;
        else {
                r = query_load_bitmap(query, problem);
                if (r < 0)
                        return r;
                if (!block_next(query, offset, &offset))
                        return query_contradiction(query, problem);
        }
        query_number(query, offset, ret);
        return 1;
}

int reader_query_previous(ReaderQuery *query, const mpz_t number, mpz_t ret, Problem *problem) {
        _cleanup_mpz_ mpz_t below;
        uint64_t offset, rank;
        int r;

        mpz_init(below);
        r = reader_check_covers(query->reader, number, number, problem);
        if (r < 0)
                return r;
        if (mpz_cmp(number, reader_grid(query->reader)->from) == 0)
                return 0;
        mpz_sub_ui(below, number, 1);
        r = query_load_number(query, below, &offset, problem);
        if (r < 0)
                return r;
        if (query->facts.count == 0 || offset < query->facts.first.offset) {
                r = reader_rank(query->reader, query->sequence, &rank, problem);
                if (r < 0 || rank == 0)
                        return r;
                r = reader_query_nth(query, rank - 1, ret, problem);
                return r < 0 ? r : 1;
        }
        if (offset >= query->facts.last.offset)
                offset = query->facts.last.offset;
        else {
                r = query_load_bitmap(query, problem);
                if (r < 0)
                        return r;
                if (!block_previous(query, offset + 1, &offset))
                        return query_contradiction(query, problem);
        }
        query_number(query, offset, ret);
        return 1;
}

int reader_query_rank(ReaderQuery *query, const mpz_t number, uint64_t *ret, Problem *problem) {
        uint64_t offset, rank;
        int r;

        r = reader_check_covers(query->reader, number, number, problem);
        if (r < 0)
                return r;
        if (query_is_end(query, number))
                return reader_rank(query->reader, reader_frontier(query->reader), ret, problem);
        r = query_load_number(query, number, &offset, problem);
        if (r < 0)
                return r;
        r = reader_rank(query->reader, query->sequence, &rank, problem);
        if (r < 0)
                return r;
        if (query->facts.count > 0 && offset > query->facts.last.offset)
                rank += query->facts.count;
        else if (query->facts.count > 0 && offset > query->facts.first.offset) {
                r = query_load_bitmap(query, problem);
                if (r < 0)
                        return r;
                rank += block_rank(query, offset);
        }
        *ret = rank;
        return 0;
}

int reader_query_nth(ReaderQuery *query, uint64_t rank, mpz_t ret, Problem *problem) {
        uint64_t sequence, before, n_primes, offset;
        char text[TEXT_SIZE];
        int r;

        r = reader_rank(query->reader, reader_frontier(query->reader), &n_primes, problem);
        if (r < 0)
                return r;
        if (rank >= n_primes)
                return problem_set(problem, ERANGE, "The store covers no more than %s prime%s.",
                                   text_grouped(n_primes, text), text_plural(n_primes));
        r = reader_find_rank(query->reader, rank, &sequence, problem);
        if (r < 0)
                return r;
        r = reader_rank(query->reader, sequence, &before, problem);
        if (r < 0)
                return r;
        r = query_load_block(query, sequence, problem);
        if (r < 0)
                return r;
        if (rank == before)
                offset = query->facts.first.offset;
        else if (rank - before == query->facts.count - 1)
                offset = query->facts.last.offset;
        else {
                r = query_load_bitmap(query, problem);
                if (r < 0)
                        return r;
                if (!block_select(query, rank - before, &offset))
                        return query_contradiction(query, problem);
        }
        query_number(query, offset, ret);
        return 0;
}
