/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Random stores and the list of what is in them. */

#include "store/oracle.h"

#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/bitmap.h"
#include "prime/number.h"
#include "store/block-sieve.h"
#include "store/fixture.h"
#include "store/layout.h"
#include "test.h"

static void add_prime(Oracle *oracle, size_t *n_allocated, int64_t offset) {
        if (oracle->n_primes == *n_allocated) {
                *n_allocated = 2 * *n_allocated + 64;
                oracle->primes = reallocarray(oracle->primes, *n_allocated, sizeof *oracle->primes);
                CHECK(oracle->primes != NULL);
        }
        oracle->primes[oracle->n_primes++] = offset;
}

/* As slow and plain as it can be: number by number. */
static void list_primes(Oracle *oracle) {
        static const uint8_t residues[8] = { 1, 7, 11, 13, 17, 19, 23, 29 };
        _cleanup_mpz_ mpz_t start, shift;
        size_t n_allocated = 0;

        mpz_init(start);
        mpz_init(shift);
        for (uint64_t i = 0; i < oracle->n_blocks; i++) {
                FixtureBlock block;
                GridBlock cell;

                fixture_block(&oracle->grid, i, &block);
                grid_block(&oracle->grid, i, start, &cell);
                mpz_sub(shift, start, oracle->grid.from);
                for (uint64_t n = cell.low; n < cell.high; n++) {
                        bool set = mpz_sgn(start) == 0 && (n == 2 || n == 3 || n == 5);

                        for (unsigned bit = 0; bit < 8; bit++)
                                set = set || (n % 30 == residues[bit] && block.bitmap[n / 30] >> bit & 1);
                        if (set)
                                add_prime(oracle, &n_allocated, mpz_get_si(shift) + (int64_t) n);
                }
                fixture_block_done(&block);
        }
}

/*
 * What the reader sieves again where only digests are kept: the bits that were made up for the block, for the store is
 * of those. (That the real sieve finds the real primes again is tests/store/test-block-sieve.c's and
 * tests/host/test-store.py's to show.) The linker puts this in the place of block_sieve_compute().
 */
static const Grid *sieved; /* the job of the store that was drawn last */

int __wrap_block_sieve_compute(BlockSieve *sieve, uint64_t sequence, uint64_t end, uint8_t *bitmap);

int __wrap_block_sieve_compute(BlockSieve *sieve, uint64_t sequence, uint64_t end, uint8_t *bitmap) {
        FixtureBlock block;

        CHECK(end > sequence);
        fixture_block(sieved, sequence, &block);
        memcpy(bitmap, block.bitmap, block.n_bytes);
        fixture_block_done(&block);
        return 0;
}

/* Nobody cuts the power here, and there are many stores to make. */
static int sync_nothing(const Disk *disk, int fd) {
        return 0;
}

static void fill_store(const Oracle *oracle, uint64_t n_put, Random *random) {
        uint64_t n_thin = random_below(random, 3) == 0 ? random_below(random, n_put + 1) : 0;
        Disk disk = disk_system;
        StoreVacuum vacuum;
        Store *store;

        disk.sync_data = disk.sync_directory = sync_nothing;
        CHECK(fixture_try_open(&disk, oracle->folder, &oracle->grid, oracle->segment_blocks, &store, NULL) == 0);
        for (uint64_t i = 0; i < n_put; i++)
                CHECK(fixture_put(store, &oracle->grid, i) == 0);
        CHECK(store_commit(store, NULL, NULL) == 0);
        if (n_thin > 0)
                CHECK(store_vacuum(store, 0, n_thin, &vacuum, NULL) >= 0);
        store_close(store);
}

/* The blocks [0, n_put) are put; with a hole, a sealed segment is lost afterwards. */
static void make_store(Oracle *oracle, uint64_t n_put, bool with_hole, Random *random) {
        uint64_t n_sealed = n_put / oracle->segment_blocks + (n_put == oracle->grid.n_blocks ? 1 : 0);
        char name[LAYOUT_NAME_SIZE];
        _cleanup_mpz_ mpz_t coverage;

        mpz_init(coverage);
        oracle->folder = fixture_folder();
        sieved = &oracle->grid;
        oracle->n_blocks = n_put;
        fill_store(oracle, n_put, random);
        if (with_hole && n_sealed > 2) {
                uint64_t lost = random_below(random, n_sealed - 1);

                layout_sealed_name(lost * oracle->segment_blocks, name);
                fixture_remove(oracle->folder, name);
                store_close(fixture_open(oracle->folder, &oracle->grid, oracle->segment_blocks)); /* takes note */
                oracle->n_blocks = lost * oracle->segment_blocks;
        }
        CHECK(reader_open(oracle->folder, &oracle->reader, NULL) == 0);
        CHECK_EQUAL(reader_frontier(oracle->reader), oracle->n_blocks);
        reader_coverage(oracle->reader, coverage);
        mpz_sub(coverage, coverage, oracle->grid.from);
        oracle->length = mpz_get_si(coverage);
        list_primes(oracle);
}

void oracle_draw(Oracle *oracle, Random *random) {
        static const char *const places[] = { "10^600", "10^2500", "10^2500", "2^8192-100", "2^4096", "2^2048" };
        uint64_t n_job = 2 + random_below(random, 60);
        char from[64];

        (void) snprintf(from, sizeof from, "%s+%u", places[random_below(random, ELEMENTSOF(places))],
                        (unsigned) random_below(random, 3000));
        *oracle = (Oracle) { .segment_blocks = 1 + random_below(random, 9) };
        fixture_set_sparse(1 + (unsigned) random_below(random, 10));
        fixture_grid(&oracle->grid, from, random_below(random, 4) == 0 ? 0 : n_job);
        make_store(oracle, random_below(random, 3) == 0 ? random_below(random, n_job + 1) : n_job,
                   random_below(random, 4) == 0, random);
}

void oracle_draw_small(Oracle *oracle, Random *random) {
        static const char *const places[] = { "0", "0", "1", "2", "3", "4", "5", "6", "1000", "30*2^20-7", "2^64-100" };
        uint64_t n_job = 2 + random_below(random, 2);

        *oracle = (Oracle) { .segment_blocks = 1 + random_below(random, 2) };
        fixture_set_sparse(3 + (unsigned) random_below(random, 9));
        fixture_grid(&oracle->grid, places[random_below(random, ELEMENTSOF(places))], n_job);
        make_store(oracle, n_job, false, random);
}

void oracle_done(Oracle *oracle) {
        reader_close(oracle->reader);
        grid_done(&oracle->grid);
        free(oracle->primes);
        fixture_discard(oracle->folder);
        *oracle = (Oracle) {};
}

int64_t oracle_pick(const Oracle *oracle, Random *random) {
        int64_t near = (int64_t) random_below(random, 7) - 3, cell = (int64_t) oracle->grid.block_length;
        int64_t any = (int64_t) random_below(random, (uint64_t) oracle->length + 1);
        int64_t cut = (int64_t) mpz_fdiv_ui(oracle->grid.from, (unsigned long) cell); /* of the first cell */

        switch (random_below(random, 6)) {
        case 0: /* a border of a block */
                return (any + cut) / cell * cell - cut + near;
        case 1: /* of a segment */
                cell *= (int64_t) oracle->segment_blocks;
                return (any + cut) / cell * cell - cut + near;
        case 2:
                return near; /* the beginning */
        case 3:
                return oracle->length + near;
        case 4:
                return oracle->n_primes == 0 ? any : oracle->primes[random_below(random, oracle->n_primes)] + near;
        default:
                return any;
        }
}

void oracle_number(const Oracle *oracle, int64_t offset, mpz_t ret) {
        if (offset < 0)
                mpz_sub_ui(ret, oracle->grid.from, (unsigned long) -offset);
        else
                mpz_add_ui(ret, oracle->grid.from, (unsigned long) offset);
}

size_t oracle_below(const Oracle *oracle, int64_t offset) {
        size_t low = 0, high = oracle->n_primes;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (oracle->primes[middle] < offset)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

void oracle_try(void (*draw)(Oracle *oracle, Random *random), unsigned n_stores,
                void (*ask)(const Oracle *oracle, unsigned n_questions, Random *random), unsigned n_questions) {
        Random random;

        random_init(&random, fixture_seed());
        for (unsigned i = 0; i < n_stores; i++) {
                Oracle oracle;

                draw(&oracle, &random);
                ask(&oracle, n_questions, &random);
                oracle_done(&oracle);
        }
}
