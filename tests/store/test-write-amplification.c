/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How many bytes a store writes for each byte that it is given: flash wears out by what is written. A block that comes
 * in its turn is written once, one that waits in the spool twice. What is added are headers, footers, manifest and
 * provenance.
 */

#include "prime/bitmap.h"
#include "prime/number.h"
#include "store/block-sieve.h"
#include "store/fixture.h"
#include "test.h"

#define FROM "10^12"
#define N_BLOCKS 24
#define SEGMENT_BLOCKS 6
#define COMMIT_BLOCKS 4 /* so many share a commit */

static uint64_t n_written;

static int counted_pwrite_all(const Disk *disk, int fd, const void *data, size_t size, uint64_t offset) {
        n_written += size;
        return disk_system.pwrite_all(&disk_system, fd, data, size, offset);
}

/* Real primes: how they pack decides how much the rest weighs. */
static uint64_t make_blocks(const Grid *grid, FixtureBlock blocks[static N_BLOCKS]) {
        _cleanup_(block_sieve_freep) BlockSieve *sieve = block_sieve_new(grid);
        Packer *packer = packer_new();
        uint64_t n_packed = 0;

        CHECK(sieve && packer);
        for (uint64_t b = 0; b < N_BLOCKS; b++) {
                _cleanup_mpz_ mpz_t start;
                FixtureBlock *block = blocks + b;
                GridBlock cell;
                size_t bound;

                mpz_init(start);
                grid_block(grid, b, start, &cell);
                block->n_bytes = (size_t) cell.length / 30;
                bound = pack_bound(block->n_bytes);
                block->bitmap = malloc(block->n_bytes);
                block->packed = malloc(bound);
                CHECK(block->bitmap && block->packed);
                CHECK(block_sieve_compute(sieve, b, N_BLOCKS, block->bitmap) >= 0);
                block->block = (StoreBlock) {
                        .sequence = b,
                        .certainty = CERTAINTY_PROVED,
                        .count = bitmap_count(block->bitmap, block->n_bytes),
                        .packed = block->packed,
                        .bitmap = block->bitmap,
                };
                checksum_sha256(block->bitmap, block->n_bytes, block->block.digest);
                CHECK(pack_bitmap(packer, start, block->bitmap, block->n_bytes, block->packed, bound,
                                  &block->block.codec, &block->block.packed_size) >= 0);
                n_packed += block->block.packed_size;
        }
        packer_free(packer);
        return n_packed;
}

static void commit(Store *store, uint64_t first, uint64_t end) {
        const StoreProvenance provenance = {
                .first = first,
                .end = end,
                .worker_name = "counted",
                .check = "shape+sampled",
        };

        CHECK_EQUAL(store_put_provenance(store, &provenance, NULL), 0);
        CHECK_EQUAL(store_commit(store, NULL, NULL), 0);
}

/* What the store writes for all blocks in this order. */
static uint64_t write_in_order(const Grid *grid, const FixtureBlock *blocks, const uint64_t order[static N_BLOCKS]) {
        Disk disk = disk_system;
        StoreTotals totals;
        Store *store;

        disk.pwrite_all = counted_pwrite_all;
        n_written = 0;
        CHECK_EQUAL(fixture_try_open(&disk, fixture_folder(), grid, SEGMENT_BLOCKS, &store, NULL), 0);
        for (size_t i = 0; i < N_BLOCKS; i++) {
                CHECK_EQUAL(store_put(store, &blocks[order[i]].block, NULL), 0);
                if ((i + 1) % COMMIT_BLOCKS == 0)
                        commit(store, order[i], order[i] + 1);
        }
        commit(store, 0, N_BLOCKS);
        store_totals(store, &totals);
        CHECK_EQUAL(totals.n_blocks, N_BLOCKS);
        CHECK_EQUAL(totals.n_segments, N_BLOCKS / SEGMENT_BLOCKS);
        CHECK_EQUAL(totals.spool_bytes, 0);
        store_close(store);
        return n_written;
}

static void test_bytes_written_for_each_byte(void) {
        FixtureBlock blocks[N_BLOCKS];
        uint64_t order[N_BLOCKS], n_packed, in_order, shuffled;
        Random random;
        Grid grid;

        fixture_grid(&grid, FROM, N_BLOCKS);
        n_packed = make_blocks(&grid, blocks);
        CHECK(n_packed > N_BLOCKS * UINT64_C(200000)); /* blocks as they are */
        for (size_t i = 0; i < N_BLOCKS; i++)
                order[i] = i;
        in_order = write_in_order(&grid, blocks, order);
        random_init(&random, fixture_seed());
        fixture_shuffle(order, N_BLOCKS, &random);
        shuffled = write_in_order(&grid, blocks, order);
        printf("# in order %.4f, shuffled %.4f bytes written for each\n", (double) in_order / (double) n_packed,
               (double) shuffled / (double) n_packed);
        CHECK(in_order > n_packed && in_order * 10 <= n_packed * 11);
        CHECK(shuffled > in_order && shuffled * 10 <= n_packed * 21);
        for (size_t i = 0; i < N_BLOCKS; i++)
                fixture_block_done(blocks + i);
        grid_done(&grid);
}

int main(void) {
        RUN(test_bytes_written_for_each_byte);
        return tests_end();
}
