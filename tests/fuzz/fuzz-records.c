/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The records of segment and spool files, walked as recovery does. First byte: bit 0, spool instead of segment; bit
 * 1, the checksums of records are made right on the way, so that the fuzzer gets past them. Whatever the bytes say,
 * offsets must advance within the file, and what unpacks must fit the block.
 */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "fuzz/fuzz.h"
#include "prime/number.h"
#include "store/record.h"

typedef struct Memory {
        uint8_t *data;
        size_t size;
} Memory;

static ssize_t memory_pread(const Disk *disk, int fd, void *data, size_t size, uint64_t offset) {
        const Memory *memory = disk->userdata;
        size_t n;

        if (offset >= memory->size)
                return 0;
        n = MIN(size, memory->size - (size_t) offset);
        memcpy(data, memory->data + offset, n);
        return (ssize_t) n;
}

/* From front to back, as far as the claimed sizes lead. */
static void memory_mend(Memory *memory) {
        for (size_t at = 0; memory->size - at >= RECORD_HEADER_SIZE;) {
                uint8_t *header = memory->data + at;
                uint32_t packed_size = get_le32(header + 24);

                if (packed_size > memory->size - at - RECORD_HEADER_SIZE)
                        return;
                put_le64(header + 120, checksum_xxh3(header + RECORD_HEADER_SIZE, packed_size));
                put_le64(header + 128, checksum_xxh3(header, 128));
                at += RECORD_HEADER_SIZE + packed_size;
        }
}

static void walk_records(const Memory *memory, const Grid *grid, FileKind kind, Packer *packer) {
        static const uint8_t job[SHA256_SIZE];
        Disk disk = { .userdata = (void *) memory, .pread_full = memory_pread };
        RecordWalk walk = {
                .disk = &disk,
                .fd = -1,
                .grid = grid,
                .origin = record_origin(kind, 0, job),
                .size = memory->size,
        };
        uint8_t *bitmap = malloc((size_t) grid->block_length / 30);
        _cleanup_mpz_ mpz_t start;
        uint64_t before = 0;

        mpz_init(start);
        while (bitmap && record_walk_next(&walk, true) > 0) {
                const char *what;
                GridBlock block;

                if (walk.offset <= before || walk.offset > memory->size || walk.record_offset != before)
                        abort();
                before = walk.offset;
                grid_block(grid, walk.record.sequence, start, &block);
                if (pack_unpack(packer, walk.record.codec, start, walk.packed, walk.record.packed_size, bitmap,
                                (size_t) block.length / 30) == 0)
                        (void) record_check_bitmap(&walk.record, grid, bitmap, &what);
        }
        free(bitmap);
        record_walk_done(&walk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Memory memory;
        Packer *packer;
        mpz_t from, to;
        Grid grid;

        if (size == 0)
                return 0;
        memory = (Memory) { .data = malloc(size), .size = size - 1 };
        packer = packer_new();
        mpz_init(from);
        mpz_init(to);
        mpz_ui_pow_ui(from, 10, 600);
        mpz_add_ui(to, from, 20000);
        if (memory.data && packer && grid_init(&grid, from, to, NULL) == 0) {
                memcpy(memory.data, data + 1, memory.size);
                if (data[0] & 2)
                        memory_mend(&memory);
                walk_records(&memory, &grid, data[0] & 1 ? FILE_SPOOL : FILE_SEGMENT, packer);
                grid_done(&grid);
        }
        mpz_clear(from);
        mpz_clear(to);
        packer_free(packer);
        free(memory.data);
        return 0;
}
