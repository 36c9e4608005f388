/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Every bit of a sealed segment of 64 KiB is flipped, one at a time, and each time verification must say that something
 * is wrong, in which file, and for a bit of a block or of its entry in the footer, in which block.
 *
 *     test-every-bit [STRIDE]     only each bit whose number is STRIDE times something (and a random rest)
 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/parse.h"
#include "store/fixture.h"
#include "store/verify.h"
#include "test.h"

#define NAME "000000000000.primes"
#define SIZE_MIN ((size_t) 64 << 10)

static uint64_t stride = 1;

/* What the fault must say of byte `at`. */
static void check_fault(const Footer *footer, size_t size, size_t at, int r, const VerifyFault *fault) {
        size_t index = size - footer_size(footer->n_blocks, footer->keep) + 224, sizes;
        uint64_t block = UINT64_MAX;

        CHECK_EQUAL(r, -EBADMSG);
        CHECK_STRING(fault->file, NAME);
        if (at < FILE_HEADER_SIZE) {
                CHECK_EQUAL(fault->kind, VERIFY_HEADER);
                return;
        }
        for (uint64_t i = 0; i < footer->n_blocks; i++)
                if (at >= footer->entries[i].offset &&
                    at < footer->entries[i].offset + RECORD_HEADER_SIZE + footer->entries[i].packed_size)
                        block = footer->first_block + i;
        CHECK_EQUAL(fault->kind, block != UINT64_MAX ? VERIFY_RECORD : VERIFY_FOOTER);
        sizes = index + footer->n_blocks * BLOCK_ENTRY_SIZE;
        if (at >= index && at < sizes)
                block = footer->first_block + (at - index) / BLOCK_ENTRY_SIZE;
        else if (at >= sizes && at < size - 24)
                block = footer->first_block + (at - sizes) / 4;
        CHECK(fault->has_block);
        if (block != UINT64_MAX)
                CHECK_EQUAL(fault->block, block);
        else
                CHECK_EQUAL(fault->offset, at);
}

static void check_segment(const char *folder, bool thin, size_t size_min) {
        _cleanup_free_ uint8_t *data = NULL;
        _cleanup_close_ int fd = -1;
        uint64_t n_flips = 0;
        VerifyReport report;
        VerifyFault fault;
        char path[512];
        Footer footer;
        size_t size;

        data = fixture_read(folder, NAME, &size);
        CHECK(size >= size_min);
        CHECK(footer_decode(data, size, &footer) == 0);
        CHECK_EQUAL(footer.keep, thin ? STORE_KEEP_DIGEST : STORE_KEEP_FULL);
        (void) snprintf(path, sizeof path, "%s/" NAME, folder);
        fd = open(path, O_RDWR | O_CLOEXEC);
        CHECK(fd >= 0);
        for (uint64_t bit = fixture_seed() % stride; bit < 8 * size; bit += stride) {
                size_t at = (size_t) (bit / 8);
                uint8_t byte = data[at] ^ (uint8_t) (1U << bit % 8);
                int r;

                CHECK(pwrite(fd, &byte, 1, (off_t) at) == 1);
                r = verify_store(folder, NULL, &report, &fault, NULL);
                if (thin) { /* its footer is one piece, the record's place does not exist */
                        CHECK_EQUAL(r, -EBADMSG);
                        CHECK_STRING(fault.file, NAME);
                } else
                        check_fault(&footer, size, at, r, &fault);
                CHECK(pwrite(fd, data + at, 1, (off_t) at) == 1);
                n_flips++;
        }
        CHECK(verify_store(folder, NULL, &report, &fault, NULL) == 0);
        printf("# %llu flips in %zu bytes\n", (unsigned long long) n_flips, size);
        footer_done(&footer);
}

/* Four blocks of 18 KiB. */
static void test_segment_with_bitmaps(void) {
        const char *folder = fixture_folder();
        Grid grid;

        fixture_grid(&grid, "2^128", 6);
        fixture_store(folder, &grid, 4, 4);
        check_segment(folder, false, SIZE_MIN);
        grid_done(&grid);
}

static void test_segment_of_digests(void) {
        const char *folder = fixture_folder();
        StoreVacuum vacuum;
        Store *store;
        Grid grid;

        fixture_grid(&grid, FIXTURE_FROM, 21);
        fixture_store(folder, &grid, 9, 18);
        store = fixture_open(folder, &grid, 9);
        CHECK(store_vacuum(store, 0, 10, &vacuum, NULL) == 0);
        store_close(store);
        check_segment(folder, true, 400);
        grid_done(&grid);
}

int main(int argc, char *argv[]) {
        if (argc > 1)
                CHECK(parse_u64(argv[1], &stride) == 0 && stride > 0);
        RUN(test_segment_with_bitmaps);
        RUN(test_segment_of_digests);
        return tests_end();
}
