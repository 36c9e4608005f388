/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The block grid of a job: pure arithmetic on the job's two ends.
 *
 * The block length is part of the store's format: it depends on the size of `from` alone, never on the speed of a
 * machine, so that stores made by different clusters can be compared byte for byte. The table aims at about one
 * second on a slow core (five times slower than a desktop's), because a block is the least that can be lost, sent
 * twice or waited for. Reckoned per number on the desktop core, sieving deep and testing the survivors (0.03 per
 * number, of which 1.44 / bits are primes and cost 2.5 tests more):
 *
 *         bits   one test, base 2   per number   block, numbers   slow core
 *           64          (sieved)       0.2-1 ns      30·2^20         0.2 s
 *           96            0.6 µs          33 ns      30·2^18         1.3 s
 *          128            0.9 µs          45 ns      30·2^17         0.9 s
 *          192              5 µs         200 ns      30·2^15         1.0 s
 *          256             10 µs         400 ns      30·2^14         1.0 s
 *          384             30 µs         1.2 µs      30·2^12         0.7 s
 *          512             65 µs         2.5 µs      30·2^11         0.8 s
 *          768            190 µs           7 µs      30·2^10         1.1 s
 *         1024            450 µs          15 µs       30·2^9         1.1 s
 *         1536            1.6 ms          50 µs       30·2^7         1.0 s
 *         2048            3.2 ms          95 µs       30·2^6         0.9 s
 *         3072             11 ms         0.3 ms       30·2^4         0.7 s
 *         4096             25 ms         0.7 ms       30·2^3         0.8 s
 *         8192            170 ms         4.5 ms       30·2^1         1.3 s
 *         more               ...            ...           30           ...
 *
 * (Two-limb Montgomery arithmetic up to 128 bits, GMP's powm above.)
 */

#include "prime/grid.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "prime/number.h"

static const struct {
        size_t n_bits_max;
        unsigned shift;
} block_lengths[] = {
        {   64, 20 },
        {   96, 18 },
        {  128, 17 },
        {  192, 15 },
        {  256, 14 },
        {  384, 12 },
        {  512, 11 },
        {  768, 10 },
        { 1024,  9 },
        { 1536,  7 },
        { 2048,  6 },
        { 3072,  4 },
        { 4096,  3 },
        { 8192,  1 },
};

uint64_t grid_block_length(size_t n_bits) {
        for (size_t i = 0; i < ELEMENTSOF(block_lengths); i++)
                if (n_bits <= block_lengths[i].n_bits_max)
                        return UINT64_C(30) << block_lengths[i].shift;
        return 30;
}

static int grid_check(const mpz_t from, const mpz_t to, Problem *problem) {
        if (mpz_sgn(from) < 0 || (to && mpz_sgn(to) < 0))
                return problem_set(problem, EINVAL, "The interval begins or ends below 0.");
        if (mpz_sizeinbase(from, 2) > NUMBER_BITS_MAX)
                return problem_set(problem, ERANGE, "The interval begins beyond 2^%" PRIu32 ".",
                                   NUMBER_BITS_MAX);
        if (!to)
                return 0;

        if (mpz_cmp(from, to) > 0)
                return problem_set(problem, EINVAL,
                                   "The interval ends before it begins; exchange its two ends.");
        if (mpz_cmp(from, to) == 0)
                return problem_set(problem, EINVAL,
                                   "The interval is empty: its end does not belong to it and is where it begins.");
        /* The limit itself may be the end, which does not belong to the interval. */
        if (mpz_sizeinbase(to, 2) > NUMBER_BITS_MAX &&
            (mpz_sizeinbase(to, 2) > NUMBER_BITS_MAX + 1 || mpz_scan1(to, 0) != NUMBER_BITS_MAX))
                return problem_set(problem, ERANGE, "The interval ends beyond 2^%" PRIu32 ".",
                                   NUMBER_BITS_MAX);
        return 0;
}

int grid_init(Grid *grid, const mpz_t from, const mpz_t to, Problem *problem) {
        _cleanup_mpz_ mpz_t length, n_blocks, limit, first_cell;
        int r;

        assert(grid);

        mpz_inits(length, n_blocks, limit, first_cell, NULL);
        r = grid_check(from, to, problem);
        if (r < 0)
                return r;

        number_set_u64(length, grid_block_length(mpz_sizeinbase(from, 2)));
        number_set_u64(limit, GRID_BLOCKS_MAX);
        mpz_fdiv_q(first_cell, from, length);
        if (to) {
                mpz_cdiv_q(n_blocks, to, length);
                mpz_sub(n_blocks, n_blocks, first_cell);
                if (mpz_cmp(n_blocks, limit) > 0)
                        return problem_set(problem, ERANGE,
                                           "The interval has more than 2^62 blocks; choose a shorter one.");
        } else {
                mpz_set(n_blocks, limit);
                mpz_add(limit, limit, first_cell);
                mpz_mul(limit, limit, length);
                if (mpz_sizeinbase(limit, 2) > NUMBER_BITS_MAX)
                        return problem_set(problem, ERANGE,
                                           "An open interval from here on would pass 2^%" PRIu32
                                           "; give it an end.",
                                           NUMBER_BITS_MAX);
        }

        *grid = (Grid) {
                .open = !to,
                .block_length = number_get_u64(length),
                .n_blocks = number_get_u64(n_blocks),
        };
        mpz_init_set(grid->from, from);
        mpz_init(grid->to);
        if (to)
                mpz_set(grid->to, to);
        mpz_init_set(grid->first_cell, first_cell);
        return 0;
}

void grid_done(Grid *grid) {
        mpz_clears(grid->from, grid->to, grid->first_cell, NULL);
}

bool grid_equal(const Grid *a, const Grid *b) {
        return a->open == b->open && mpz_cmp(a->from, b->from) == 0 && mpz_cmp(a->to, b->to) == 0;
}

/* The first number of the cell of block `sequence`; `sequence` may be n_blocks. */
static void grid_cell_start(const Grid *grid, uint64_t sequence, mpz_t ret) {
        _cleanup_mpz_ mpz_t length;

        mpz_init(length);
        number_set_u64(length, grid->block_length);
        number_add_u64(ret, grid->first_cell, sequence);
        mpz_mul(ret, ret, length);
}

/* How many numbers of the first cell lie before `from`. */
static uint64_t grid_cut_before(const Grid *grid) {
        _cleanup_mpz_ mpz_t x;

        mpz_init(x);
        grid_cell_start(grid, 0, x);
        mpz_sub(x, grid->from, x);
        return number_get_u64(x);
}

/* How many numbers of the last cell lie at or behind `to`. */
static uint64_t grid_cut_behind(const Grid *grid) {
        _cleanup_mpz_ mpz_t x;

        mpz_init(x);
        if (grid->open)
                return 0;
        grid_cell_start(grid, grid->n_blocks, x);
        mpz_sub(x, x, grid->to);
        return number_get_u64(x);
}

void grid_block(const Grid *grid, uint64_t sequence, mpz_t ret_start, GridBlock *ret) {
        uint64_t first = 0, end = grid->block_length; /* what of the cell belongs to the job */
        uint64_t skipped;

        assert(sequence < grid->n_blocks);

        if (sequence == 0)
                first = grid_cut_before(grid);
        if (sequence == grid->n_blocks - 1)
                end -= grid_cut_behind(grid);

        /* Whole bytes of the bitmap are left out, at both ends. */
        skipped = first / 30 * 30;
        grid_cell_start(grid, sequence, ret_start);
        number_add_u64(ret_start, ret_start, skipped);
        *ret = (GridBlock) {
                .length = (end - skipped + 29) / 30 * 30,
                .low = first - skipped,
                .high = end - skipped,
        };
}

bool grid_find(const Grid *grid, const mpz_t number, uint64_t *ret_sequence) {
        _cleanup_mpz_ mpz_t x, length;

        mpz_inits(x, length, NULL);
        if (mpz_cmp(number, grid->from) < 0 || (!grid->open && mpz_cmp(number, grid->to) >= 0))
                return false;

        number_set_u64(length, grid->block_length);
        mpz_fdiv_q(x, number, length);
        mpz_sub(x, x, grid->first_cell);
        if (mpz_sizeinbase(x, 2) > 63 || number_get_u64(x) >= grid->n_blocks)
                return false; /* behind the last block of an open job */
        *ret_sequence = number_get_u64(x);
        return true;
}

double grid_numbers(const Grid *grid, uint64_t first, uint64_t end) {
        double n;

        if (end > grid->n_blocks)
                end = grid->n_blocks;
        if (first >= end)
                return 0;

        n = (double) (end - first) * (double) grid->block_length;
        if (first == 0)
                n -= (double) grid_cut_before(grid);
        if (end == grid->n_blocks)
                n -= (double) grid_cut_behind(grid);
        return n;
}
