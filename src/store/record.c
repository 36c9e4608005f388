/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Records: encoding, decoding, walking. */

#include "store/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/number.h"

#define RECORD_MAGIC UINT32_C(0x6b6c6250) /* "Pblk" */

RecordOrigin record_origin(FileKind kind, uint64_t number, const uint8_t job_digest[static SHA256_SIZE]) {
        return (RecordOrigin) { .kind = kind, .number = number, .job_tag = get_le32(job_digest) };
}

void record_encode_header(const Record *record, const RecordOrigin *origin, uint8_t ret[static RECORD_HEADER_SIZE]) {
        const Facts *facts = &record->facts;

        put_le32(ret, RECORD_MAGIC);
        ret[4] = (uint8_t) record->codec;
        ret[5] = (uint8_t) record->certainty;
        ret[6] = (uint8_t) facts->n_small;
        ret[7] = (uint8_t) origin->kind;
        put_le64(ret + 8, origin->number);
        put_le64(ret + 16, record->sequence);
        put_le32(ret + 24, record->packed_size);
        put_le32(ret + 28, (uint32_t) facts->count);
        memcpy(ret + 32, record->digest, SHA256_SIZE);
        put_le32(ret + 64, (uint32_t) facts->first.offset);
        put_le32(ret + 68, (uint32_t) facts->last.offset);
        put_le32(ret + 72, (uint32_t) facts->gap);
        put_le32(ret + 76, (uint32_t) facts->gap_at.offset);
        put_le32(ret + 80, (uint32_t) facts->twins);
        for (size_t i = 0; i < ELEMENTSOF(facts->classes); i++)
                put_le32(ret + 84 + 4 * i, (uint32_t) facts->classes[i]);
        put_le32(ret + 116, origin->job_tag);
        put_le64(ret + 120, record->packed_checksum);
        put_le64(ret + 128, checksum_xxh3(ret, 128));
}

int record_decode_header(const uint8_t data[static RECORD_HEADER_SIZE], const RecordOrigin *origin, const Grid *grid,
                         Record *ret) {
        Record record;
        BlockShape shape;

        if (get_le32(data) != RECORD_MAGIC || get_le64(data + 128) != checksum_xxh3(data, 128) ||
            data[7] != (uint8_t) origin->kind || get_le64(data + 8) != origin->number ||
            get_le32(data + 116) != origin->job_tag)
                return -EBADMSG;

        record = (Record) {
                .sequence = get_le64(data + 16),
                .codec = (PackCodec) data[4],
                .certainty = (Certainty) data[5],
                .packed_size = get_le32(data + 24),
                .packed_checksum = get_le64(data + 120),
                .facts = {
                        .count = get_le32(data + 28),
                        .n_small = data[6],
                        .gap = get_le32(data + 72),
                        .twins = get_le32(data + 80),
                },
        };
        memcpy(record.digest, data + 32, SHA256_SIZE);
        if (record.facts.count > 0) {
                record.facts.first = (Place) { record.sequence, get_le32(data + 64) };
                record.facts.last = (Place) { record.sequence, get_le32(data + 68) };
        }
        if (record.facts.gap > 0)
                record.facts.gap_at = (Place) { record.sequence, get_le32(data + 76) };
        for (size_t i = 0; i < ELEMENTSOF(record.facts.classes); i++)
                record.facts.classes[i] = get_le32(data + 84 + 4 * i);

        if (record.sequence >= grid->n_blocks)
                return -EBADMSG;
        block_shape(grid, record.sequence, &shape);
        if (record.packed_size > pack_bound(shape.n_bytes) || (record.packed_size == 0 && record.codec != PACK_RAW))
                return -EBADMSG;
        *ret = record;
        return 0;
}

bool record_check_packed(const Record *record, const uint8_t *packed) {
        return checksum_xxh3(packed, record->packed_size) == record->packed_checksum;
}

int record_unpack(const Record *record, const Grid *grid, Packer *packer, const uint8_t *packed, uint8_t *bitmap) {
        _cleanup_mpz_ mpz_t start;
        GridBlock block;

        mpz_init(start);
        grid_block(grid, record->sequence, start, &block);
        return pack_unpack(packer, record->codec, start, packed, record->packed_size, bitmap,
                           (size_t) (block.length / 30));
}

int record_check_bitmap(const Record *record, const Grid *grid, const uint8_t *bitmap, const char **ret_what) {
        uint8_t digest[SHA256_SIZE];
        BlockShape shape;
        Facts facts;

        block_shape(grid, record->sequence, &shape);
        checksum_sha256(bitmap, shape.n_bytes, digest);
        if (memcmp(digest, record->digest, SHA256_SIZE) != 0) {
                *ret_what = "digest";
                return -EBADMSG;
        }
        if (!facts_of_block(grid, record->sequence, bitmap, &facts)) {
                *ret_what = "range";
                return -EBADMSG;
        }
        if (facts.count != record->facts.count || facts.n_small != record->facts.n_small) {
                *ret_what = "count";
                return -EBADMSG;
        }
        /* No padding in Facts: all members are uint64_t. */
        if (memcmp(&facts, &record->facts, sizeof facts) != 0) {
                *ret_what = "first, last, gap, twins or residue classes";
                return -EBADMSG;
        }
        return 0;
}

static int record_walk_reserve(RecordWalk *walk, size_t size) {
        uint8_t *grown;

        if (size <= walk->n_allocated)
                return 0;
        grown = realloc(walk->packed, size);
        if (!grown)
                return -ENOMEM;
        walk->packed = grown;
        walk->n_allocated = size;
        return 0;
}

int record_walk_next(RecordWalk *walk, bool with_packed) {
        uint8_t header[RECORD_HEADER_SIZE];
        Record record;
        ssize_t n;
        int r;

        if (walk->offset >= walk->size)
                return 0;
        if (walk->size - walk->offset < RECORD_HEADER_SIZE)
                return -ENODATA;
        n = walk->disk->pread_full(walk->disk, walk->fd, header, sizeof header, walk->offset);
        if (n < 0)
                return (int) n;
        if ((size_t) n < sizeof header)
                return -ENODATA;
        r = record_decode_header(header, &walk->origin, walk->grid, &record);
        if (r < 0)
                return r;
        if (walk->size - walk->offset - RECORD_HEADER_SIZE < record.packed_size)
                return -ENODATA;

        if (with_packed) {
                r = record_walk_reserve(walk, record.packed_size);
                if (r < 0)
                        return r;
                n = 0;
                if (record.packed_size > 0)
                        n = walk->disk->pread_full(walk->disk, walk->fd, walk->packed, record.packed_size,
                                                   walk->offset + RECORD_HEADER_SIZE);
                if (n < 0)
                        return (int) n;
                if ((size_t) n < record.packed_size)
                        return -ENODATA;
                if (!record_check_packed(&record, walk->packed))
                        return -EBADMSG;
        }
        walk->record = record;
        walk->record_offset = walk->offset;
        walk->offset += RECORD_HEADER_SIZE + record.packed_size;
        return 1;
}

/* Whether a record's header stands at `offset`. 1, 0, or an error of reading. */
static int record_walk_probe(const RecordWalk *walk, uint64_t offset) {
        uint8_t header[RECORD_HEADER_SIZE];
        Record record;
        ssize_t n;

        n = walk->disk->pread_full(walk->disk, walk->fd, header, sizeof header, offset);
        if (n < 0)
                return (int) n;
        return (size_t) n == sizeof header && record_decode_header(header, &walk->origin, walk->grid, &record) >= 0;
}

int record_walk_skip(RecordWalk *walk) {
        enum { WINDOW = 64 << 10 };
        _cleanup_free_ uint8_t *window = malloc(WINDOW);
        uint8_t magic[4];

        if (!window)
                return -ENOMEM;
        put_le32(magic, RECORD_MAGIC);
        for (uint64_t at = walk->offset + 1; at + RECORD_HEADER_SIZE <= walk->size;) {
                const uint8_t *found;
                ssize_t n;
                int r;

                n = walk->disk->pread_full(walk->disk, walk->fd, window, WINDOW, at);
                if (n < 0)
                        return (int) n;
                found = memmem(window, (size_t) n, magic, sizeof magic);
                if (!found) { /* it may stand across the window's end */
                        at += MAX((uint64_t) n, (uint64_t) sizeof magic) - (sizeof magic - 1);
                        continue;
                }
                at += (uint64_t) (found - window);
                r = record_walk_probe(walk, at);
                if (r != 0) {
                        if (r > 0)
                                walk->offset = at;
                        return r;
                }
                at++;
        }
        return 0;
}

void record_walk_done(RecordWalk *walk) {
        free(walk->packed);
        walk->packed = NULL;
        walk->n_allocated = 0;
}
