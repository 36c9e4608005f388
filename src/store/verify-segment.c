/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One segment under examination.
 *
 * It is read twice. First the checksums: record by record from the front, then the footer, which is written again in
 * memory from what the records' headers say; the file must end with exactly these bytes. So nothing in a footer can be
 * wrong in a way that is not seen, and there is no second description of what a footer means. Then, when every byte is
 * as it was written, the contents: each block is unpacked and held against what its header says of it.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/number.h"
#include "store/verify-state.h"

/* Sieves the block again. `digest`: what is kept of it, `n_digest` bytes. */
static int verify_recompute(Verifier *verifier, const char *file, uint64_t offset, uint64_t sequence, uint64_t end,
                            const uint8_t *digest, size_t n_digest) {
        uint8_t again[SHA256_SIZE];
        BlockShape shape;
        int r;

        if (!verifier->sieve)
                verifier->sieve = block_sieve_new(&verifier->grid);
        if (!verifier->sieve)
                return verify_out_of_memory(verifier);
        r = block_sieve_compute(verifier->sieve, sequence, end, verifier->again);
        if (r < 0)
                return problem_set(&verifier->sentence, r, "Block %" PRIu64 " cannot be sieved again: %m.", sequence);
        block_shape(&verifier->grid, sequence, &shape);
        checksum_sha256(verifier->again, shape.n_bytes, again);
        if (memcmp(again, digest, n_digest) != 0)
                return verify_fault_block(verifier, VERIFY_CONTENTS, file, offset, sequence,
                                          "sieved again it has other primes", VERIFY_CURE_SEGMENT);
        verifier->report.n_recomputed++;
        return 0;
}

static void verify_advance(Verifier *verifier, uint64_t n_bytes) {
        verifier->done_bytes += n_bytes;
        if (verifier->options.progress)
                verifier->options.progress(verifier->done_bytes, MAX(verifier->done_bytes, verifier->total_bytes),
                                           verifier->options.userdata);
}

static void verify_count_certainty(Verifier *verifier, uint64_t n_proved, uint64_t n_bpsw) {
        verifier->report.n_proved += n_proved;
        verifier->report.n_bpsw += n_bpsw;
}

int verify_contents(Verifier *verifier, const RecordWalk *walk, const char *file, uint64_t end, const char *cure) {
        const Record *record = &walk->record;
        const char *what;
        int r = 0;

        if (record->packed_size > 0) {
                r = record_unpack(record, &verifier->grid, verifier->packer, walk->packed, verifier->bitmap);
                if (r == -ENOMEM)
                        return verify_out_of_memory(verifier);
                if (r < 0)
                        return verify_fault_block(verifier, VERIFY_CONTENTS, file, walk->record_offset,
                                                  record->sequence, r == -EOPNOTSUPP
                                                  ? "this version of primed cannot unpack it" : "it does not unpack",
                                                  cure);
                if (record_check_bitmap(record, &verifier->grid, verifier->bitmap, &what) < 0)
                        return verify_fault_block(verifier, VERIFY_CONTENTS, file, walk->record_offset,
                                                  record->sequence, what, cure);
        }
        if (verifier->options.recompute)
                r = verify_recompute(verifier, file, walk->record_offset, record->sequence, end, record->digest,
                                     SHA256_SIZE);
        if (r < 0)
                return r;
        verify_count_certainty(verifier, record->certainty == CERTAINTY_PROVED, record->certainty != CERTAINTY_PROVED);
        verify_advance(verifier, RECORD_HEADER_SIZE + record->packed_size);
        return 0;
}

/*
 * The records of a segment from its first block on, into `footer`, by their checksums. Of a sealed one `n_target` must
 * be there; an open one may end anywhere. `ret_end`: where the last one ends.
 */
static int verify_records(Verifier *verifier, const Exam *exam, bool sealed, uint64_t n_target, Footer *footer,
                          uint64_t *ret_end) {
        const char *cure = sealed ? VERIFY_CURE_SEGMENT : VERIFY_CURE_OPEN;
        RecordWalk walk = exam_walk(verifier, exam, FILE_SEGMENT, footer->first_block);
        int r = 0;

        *ret_end = FILE_HEADER_SIZE;
        footer->entries = calloc((size_t) n_target, sizeof *footer->entries);
        if (!footer->entries)
                return verify_out_of_memory(verifier);
        while (footer->n_blocks < n_target) {
                uint64_t sequence = footer->first_block + footer->n_blocks;

                r = record_walk_next(&walk, true);
                if (r == 0 && !sealed)
                        break;
                if (r == -ENODATA && !sealed) {
                        r = 0;
                        break;
                }
                if (r == 0 || r == -ENODATA)
                        r = verify_fault_block(verifier, VERIFY_RECORD, exam->name, walk.offset, sequence,
                                               "the file is cut off", cure);
                else if (r == -EBADMSG)
                        r = verify_fault_block(verifier, VERIFY_RECORD, exam->name, walk.offset, sequence,
                                               "its checksum does not fit", cure);
                else if (r < 0)
                        r = verify_cannot_read(verifier, exam->name, r);
                else if (walk.record.sequence != sequence)
                        r = verify_fault_block(verifier, VERIFY_RECORD, exam->name, walk.record_offset, sequence,
                                               "another block is in its place", cure);
                if (r < 0)
                        break;
                footer_add(footer, &walk.record, walk.record_offset, verifier->grid.block_length);
                *ret_end = walk.offset;
        }
        record_walk_done(&walk);
        return r < 0 ? r : 0;
}

/* The bitmaps of records whose checksums are right. */
static int verify_bitmaps(Verifier *verifier, const Exam *exam, const Footer *footer, const char *cure) {
        RecordWalk walk = exam_walk(verifier, exam, FILE_SEGMENT, footer->first_block);
        uint64_t end = footer->first_block + footer->n_blocks;
        int r = 0;

        for (uint64_t i = 0; r >= 0 && i < footer->n_blocks; i++) {
                r = record_walk_next(&walk, true);
                if (r > 0)
                        r = verify_contents(verifier, &walk, exam->name, end, cure);
                else /* it was there a moment ago */
                        r = r == 0 || r == -ENODATA || r == -EBADMSG
                                ? verify_fault_block(verifier, VERIFY_RECORD, exam->name, walk.offset,
                                                     footer->first_block + i, "it changes while it is read", cure)
                                : verify_cannot_read(verifier, exam->name, r);
        }
        record_walk_done(&walk);
        return r;
}

/* The block that byte `at` of a footer is about. False: all of them. */
static bool footer_find_block(const Footer *footer, uint64_t at, uint64_t *ret) {
        const uint64_t fixed = footer_size(0, STORE_KEEP_DIGEST) - 24, index = footer->n_blocks * BLOCK_ENTRY_SIZE;

        if (at < fixed || at >= footer_size(footer->n_blocks, footer->keep) - 24)
                return false;
        *ret = footer->first_block + (at - fixed < index ? (at - fixed) / BLOCK_ENTRY_SIZE : (at - fixed - index) / 4);
        return true;
}

static int verify_footer_fault(Verifier *verifier, const Exam *exam, const Footer *footer, uint64_t begin, uint64_t at,
                               const char *what) {
        uint64_t block;

        verify_set_fault(verifier, VERIFY_FOOTER, exam->name, at);
        if (footer_find_block(footer, at - begin, &block))
                verify_set_blocks(verifier, block, block + 1);
        else
                verify_set_blocks(verifier, footer->first_block, footer->first_block + footer->n_blocks);
        return problem_set(&verifier->sentence, EBADMSG, "The footer of the segment '%s' (numbers from %s to %s) %s, "
                           "at byte %" PRIu64 ". " VERIFY_CURE_SEGMENT, exam->name, verifier->fault.low,
                           verifier->fault.high, what, at);
}

/* Must the file end like this? */
static int verify_footer(Verifier *verifier, const Exam *exam, Footer *footer, uint64_t end) {
        _cleanup_free_ uint8_t *expected = NULL, *found = NULL;
        size_t size = footer_size(footer->n_blocks, footer->keep);
        const char *what = NULL;
        uint64_t at = end;
        ssize_t n;

        expected = malloc(size);
        found = malloc(size);
        if (!expected || !found || footer_digest(footer, footer->digest) < 0)
                return verify_out_of_memory(verifier);
        footer_encode(footer, expected);
        n = fd_pread_full(exam->fd, found, size, end);
        if (n < 0)
                return verify_cannot_read(verifier, exam->name, (int) n);
        for (size_t i = 0; i < (size_t) n && expected[i] == found[i]; i++)
                at++;
        if (exam->size > end + size) {
                what = "is followed by something that does not belong there";
                at = MIN(at, end + size);
        } else if ((size_t) n < size && at == end + (uint64_t) n)
                what = "is cut off";
        else if (at < end + size)
                what = "does not agree with its blocks";
        return what ? verify_footer_fault(verifier, exam, footer, end, at, what) : 0;
}

/* The footer's next block as it is when it is sieved again. */
static int verify_add_recomputed(Verifier *verifier, const Exam *exam, const Footer *footer, Footer *again) {
        uint64_t end = footer->first_block + footer->n_blocks;
        Record record = { .sequence = again->first_block + again->n_blocks };
        _cleanup_mpz_ mpz_t border;
        BlockShape shape;
        GridBlock block;
        int r;

        mpz_init(border);
        r = verify_recompute(verifier, exam->name, FILE_HEADER_SIZE, record.sequence, end,
                             footer->entries[again->n_blocks].digest, BLOCK_DIGEST_SIZE);
        if (r < 0)
                return r;
        block_shape(&verifier->grid, record.sequence, &shape);
        checksum_sha256(verifier->again, shape.n_bytes, record.digest);
        (void) facts_of_block(&verifier->grid, record.sequence, verifier->again, &record.facts);
        grid_block(&verifier->grid, record.sequence, border, &block);
        number_add_u64(border, border, block.length);
        /* Sieving again does not tell how it was done; where all blocks are proved this one is. */
        record.certainty = footer->n_bpsw == 0 ? CERTAINTY_PROVED : certainty_of(border);
        footer_add(again, &record, 0, verifier->grid.block_length);
        verify_advance(verifier, BLOCK_ENTRY_SIZE);
        return 0;
}

/* Sieves the blocks of a segment of digests, and writes its footer from what was found: the file must have the same. */
static int verify_recompute_footer(Verifier *verifier, const Exam *exam, const Footer *footer) {
        Footer again = { .first_block = footer->first_block };
        uint64_t end;
        int r = 0;

        again.entries = calloc((size_t) footer->n_blocks, sizeof *again.entries);
        if (!again.entries)
                return verify_out_of_memory(verifier);
        while (r >= 0 && again.n_blocks < footer->n_blocks)
                r = verify_add_recomputed(verifier, exam, footer, &again);
        end = footer_records_end(&again);
        if (r >= 0)
                r = verify_footer(verifier, exam, &again, end);
        footer_done(&again);
        return r;
}

/*
 * A segment without records: its footer is all there is, and says how long it is. What can be wrong in it that its own
 * checksum does not tell, the manifest does, or computing it again.
 */
static int verify_digests(Verifier *verifier, const Exam *exam, Footer *ret) {
        FooterPlace place = { &verifier->grid, verifier->segment_blocks, ret->first_block, verifier->job_digest };
        Footer footer;
        int r;

        r = footer_read(&disk_system, exam->fd, exam->size, &place, exam->name, &footer, &verifier->sentence);
        if (r == -EBADMSG) {
                verify_set_fault(verifier, VERIFY_FOOTER, exam->name, FILE_HEADER_SIZE);
                verify_set_blocks(verifier, ret->first_block,
                                  layout_segment_end(ret->first_block, verifier->segment_blocks,
                                                     verifier->grid.n_blocks));
        }
        if (r < 0)
                return r;
        if (verifier->options.recompute)
                r = verify_recompute_footer(verifier, exam, &footer);
        if (r < 0) {
                footer_done(&footer);
                return r;
        }
        verify_count_certainty(verifier, footer.n_proved, footer.n_bpsw);
        *ret = footer;
        return 0;
}

/*
 * How many blocks a sealed file says that it has, and whether it has their records. -EBADMSG without a fault:
 * nothing.
 */
static int exam_read_tail(const Exam *exam, uint64_t *ret_n_blocks, bool *ret_has_records) {
        uint8_t tail[24], words[32];
        uint64_t size;

        if (exam->size < FILE_HEADER_SIZE + footer_size(0, STORE_KEEP_DIGEST) ||
            fd_pread_full(exam->fd, tail, sizeof tail, exam->size - sizeof tail) != (ssize_t) sizeof tail)
                return -EBADMSG;
        size = get_le64(tail);
        if (size < sizeof words || size > exam->size - FILE_HEADER_SIZE ||
            fd_pread_full(exam->fd, words, sizeof words, exam->size - size) != (ssize_t) sizeof words)
                return -EBADMSG;
        *ret_n_blocks = get_le64(words + 16);
        *ret_has_records = get_le64(words + 24) != STORE_KEEP_DIGEST && size < exam->size - FILE_HEADER_SIZE;
        return 0;
}

/*
 * How many records to expect. What the manifest says is the best; else what the footer says, if that is possible; else
 * all up to the next border. Where nothing can be believed the search for records finds the place of the fault.
 */
static uint64_t verify_guess_blocks(const Verifier *verifier, const Exam *exam, uint64_t first_block,
                                    bool *ret_has_records) {
        uint64_t border = layout_segment_end(first_block, verifier->segment_blocks, verifier->grid.n_blocks), n_blocks;
        const ManifestEntry *entry = manifest_find(&verifier->manifest, first_block);
        bool has_records, read = exam_read_tail(exam, &n_blocks, &has_records) >= 0;
        bool thin_size = false;

        if (entry && entry->first_block == first_block) {
                thin_size = exam->size == FILE_HEADER_SIZE + footer_size(entry->n_blocks, STORE_KEEP_DIGEST);
                n_blocks = entry->n_blocks;
        } else if (!read || n_blocks == 0 || n_blocks > border - first_block)
                n_blocks = border - first_block;
        *ret_has_records = !thin_size && (!read || has_records);
        return n_blocks;
}

static int verify_rank(Verifier *verifier, const Exam *exam, const Footer *footer) {
        const ManifestEntry *entry = manifest_find(&verifier->manifest, footer->first_block);

        if (!entry || (entry->first_block == footer->first_block && entry->n_blocks == footer->n_blocks &&
                       entry->n_primes == footer->facts.count &&
                       memcmp(entry->digest, footer->digest, SHA256_SIZE) == 0))
                return 0;
        verify_set_fault(verifier, VERIFY_RANK, exam->name, 0);
        verify_set_blocks(verifier, footer->first_block, footer->first_block + footer->n_blocks);
        return problem_set(&verifier->sentence, EBADMSG, "The segment '%s' (numbers from %s to %s) is sound in itself "
                           "but not the one that the manifest names. If it was put back on purpose, delete the file "
                           "'manifest' and start the job again; else move the segment away and start the job again.",
                           exam->name, verifier->fault.low, verifier->fault.high);
}

static int verify_sealed(Verifier *verifier, const Exam *exam, Footer *footer) {
        bool has_records;
        uint64_t n_blocks = verify_guess_blocks(verifier, exam, footer->first_block, &has_records), end;
        int r;

        if (!has_records)
                r = verify_digests(verifier, exam, footer);
        else {
                r = verify_records(verifier, exam, true, n_blocks, footer, &end);
                if (r >= 0)
                        r = verify_footer(verifier, exam, footer, end);
        }
        if (r >= 0)
                r = verify_rank(verifier, exam, footer);
        if (r >= 0 && has_records)
                r = verify_bitmaps(verifier, exam, footer, VERIFY_CURE_SEGMENT);
        return r;
}

static int verify_open(Verifier *verifier, const Exam *exam, Footer *footer) {
        uint64_t border = layout_segment_end(footer->first_block, verifier->segment_blocks, verifier->grid.n_blocks);
        uint64_t end;
        int r;

        r = verify_records(verifier, exam, false, border - footer->first_block, footer, &end);
        if (r >= 0)
                r = verify_bitmaps(verifier, exam, footer, VERIFY_CURE_OPEN);
        if (r >= 0)
                verifier->report.torn_bytes += exam->size - end;
        return r;
}

int verify_segment(Verifier *verifier, uint64_t first_block, bool sealed, Footer *ret) {
        Footer footer = { .first_block = first_block, .keep = STORE_KEEP_FULL };
        Exam exam;
        int r;

        if (sealed)
                layout_sealed_name(first_block, exam.name);
        else
                layout_open_name(first_block, exam.name);
        r = exam_open(verifier, &exam);
        if (r < 0)
                return r;
        r = exam_header(verifier, &exam, FILE_SEGMENT, first_block);
        if (r == -EBADMSG)
                verify_set_blocks(verifier, first_block, first_block + 1);
        if (r >= 0)
                r = sealed ? verify_sealed(verifier, &exam, &footer) : verify_open(verifier, &exam, &footer);
        (void) fd_close(exam.fd);
        if (r >= 0)
                *ret = footer;
        else
                footer_done(&footer);
        return r;
}
