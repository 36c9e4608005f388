/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Single blocks of a store: unpacked, or where only a digest was kept, sieved again and held against it.
 *
 * Blocks are mostly read one behind the other, so the sieve that computed one is kept for the next.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/reader-state.h"

static int reader_damaged(const Reader *reader, const ReaderSegment *segment, uint64_t sequence, const char *what,
                          Problem *problem) {
        return problem_set(problem, EBADMSG, "Block %" PRIu64 " in the file '%s' of the store '%s' is damaged (%s). "
                           "Put back a copy of the file, or let 'primectl verify --repair --store \"%s\"' put it "
                           "aside and start the job again: its blocks are then computed again.", sequence,
                           segment->name, reader->path, what, reader->path);
}

/* packed blocks */

/* The record of a block whose file has it; with its packed bytes behind the header in reader->packed. */
static int reader_read_record(Reader *reader, const ReaderSegment *segment, uint64_t sequence, bool with_packed,
                              Record *ret, Problem *problem) {
        const FooterEntry *entry = segment->footer.entries + (sequence - segment->footer.first_block);
        size_t size = RECORD_HEADER_SIZE + (with_packed ? entry->packed_size : 0);
        RecordOrigin origin;
        BlockShape shape;
        ssize_t n;

        block_shape(&reader->grid, sequence, &shape);
        if (entry->packed_size > pack_bound(shape.n_bytes))
                return reader_damaged(reader, segment, sequence, "size", problem);
        if (size > reader->n_packed) {
                uint8_t *grown = realloc(reader->packed, size);

                if (!grown)
                        return reader_out_of_memory(problem);
                reader->packed = grown;
                reader->n_packed = size;
        }
        n = fd_pread_full(segment->fd, reader->packed, size, entry->offset);
        if (n < 0)
                return reader_cannot_read(reader, segment->name, (int) n, problem);
        origin = record_origin(FILE_SEGMENT, segment->footer.first_block, reader->job_digest);
        if ((size_t) n < size || record_decode_header(reader->packed, &origin, &reader->grid, ret) < 0 ||
            ret->sequence != sequence || ret->packed_size != entry->packed_size || ret->facts.count != entry->count ||
            memcmp(ret->digest, entry->digest, BLOCK_DIGEST_SIZE) != 0)
                return reader_damaged(reader, segment, sequence, "header", problem);
        return 0;
}

static int reader_unpack_block(Reader *reader, const ReaderSegment *segment, uint64_t sequence, uint8_t *bitmap,
                               Problem *problem) {
        const uint8_t *packed;
        uint8_t digest[SHA256_SIZE];
        BlockShape shape;
        Record record;
        int r;

        r = reader_read_record(reader, segment, sequence, true, &record, problem);
        if (r < 0)
                return r;
        packed = reader->packed + RECORD_HEADER_SIZE;
        if (!record_check_packed(&record, packed))
                return reader_damaged(reader, segment, sequence, "checksum", problem);
        block_shape(&reader->grid, sequence, &shape);
        r = record_unpack(&record, &reader->grid, reader->packer, packed, bitmap);
        if (r == -EOPNOTSUPP)
                return problem_set(problem, r, "Block %" PRIu64 " in the file '%s' is packed in a way that this "
                                   "version of primed does not know: use the version that made it.", sequence,
                                   segment->name);
        if (r == -ENOMEM)
                return reader_out_of_memory(problem);
        if (r < 0)
                return reader_damaged(reader, segment, sequence, "does not unpack", problem);
        checksum_sha256(bitmap, shape.n_bytes, digest);
        if (memcmp(digest, record.digest, SHA256_SIZE) != 0)
                return reader_damaged(reader, segment, sequence, "digest", problem);
        return 0;
}

/* digests */

static int reader_sieve_block(Reader *reader, const ReaderSegment *segment, uint64_t sequence, uint8_t *bitmap,
                              Problem *problem) {
        const Footer *footer = &segment->footer;
        uint8_t digest[SHA256_SIZE];
        BlockShape shape;
        int r;

        if (!reader->sieve)
                reader->sieve = block_sieve_new(&reader->grid);
        if (!reader->sieve)
                return reader_out_of_memory(problem);
        r = block_sieve_compute(reader->sieve, sequence, footer->first_block + footer->n_blocks, bitmap);
        if (r < 0)
                return problem_set(problem, r, "Block %" PRIu64 " of the store '%s', of which only a digest is kept, "
                                   "cannot be sieved: %m.", sequence, reader->path);
        block_shape(&reader->grid, sequence, &shape);
        checksum_sha256(bitmap, shape.n_bytes, digest);
        if (memcmp(digest, footer->entries[sequence - footer->first_block].digest, BLOCK_DIGEST_SIZE) == 0)
                return 0;
        return problem_set(problem, EBADMSG, "Block %" PRIu64 " of the store '%s', of which only a digest is kept, was "
                           "sieved again, and the digest in the file '%s' is that of other primes. One of the two is "
                           "wrong: let 'primectl verify --recompute' on another machine tell which.",
                           sequence, reader->path, segment->name);
}

int reader_read_block(Reader *reader, uint64_t sequence, uint8_t *bitmap, Problem *problem) {
        ReaderSegment *segment;
        int r;

        r = reader_segment_of(reader, sequence, &segment, problem);
        if (r < 0)
                return r;
        if (segment->footer.entries[sequence - segment->footer.first_block].packed_size > 0)
                return reader_unpack_block(reader, segment, sequence, bitmap, problem);
        return reader_sieve_block(reader, segment, sequence, bitmap, problem);
}

int reader_block_facts(Reader *reader, uint64_t sequence, Facts *ret, Problem *problem) {
        _cleanup_free_ uint8_t *bitmap = NULL;
        ReaderSegment *segment;
        Record record;
        int r;

        r = reader_segment_of(reader, sequence, &segment, problem);
        if (r < 0)
                return r;
        /* An open segment has a record of each block, with or without a bitmap. */
        if (segment->footer.entries[sequence - segment->footer.first_block].offset > 0) {
                r = reader_read_record(reader, segment, sequence, false, &record, problem);
                if (r >= 0)
                        *ret = record.facts;
                return r;
        }
        bitmap = malloc((size_t) (reader->grid.block_length / 30));
        if (!bitmap)
                return reader_out_of_memory(problem);
        r = reader_sieve_block(reader, segment, sequence, bitmap, problem);
        if (r < 0)
                return r;
        if (!facts_of_block(&reader->grid, sequence, bitmap, ret))
                return reader_damaged(reader, segment, sequence, "range", problem);
        return 0;
}
