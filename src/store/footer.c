/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Footers of sealed segments. */

#include "store/footer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/macro.h"

#define FOOTER_MAGIC UINT64_C(0x746f6f6664656d70) /* "pmedfoot" */
#define FOOTER_TAIL_MAGIC UINT64_C(0x646e6564656d7270) /* "prmedend" */
#define FOOTER_FIXED_SIZE 224
#define FOOTER_ENTRY_SIZE 48
#define FOOTER_TAIL_SIZE 24

void footer_done(Footer *footer) {
        free(footer->entries);
        *footer = (Footer) {};
}

void footer_add(Footer *footer, const Record *record, uint64_t offset, uint64_t block_length) {
        FooterEntry *entry = footer->entries + footer->n_blocks++;

        *entry = (FooterEntry) {
                .offset = offset,
                .packed_size = record->packed_size,
                .count = (uint32_t) record->facts.count,
        };
        memcpy(entry->digest, record->digest, SHA256_SIZE);
        facts_join(&footer->facts, &record->facts, block_length);
        if (record->certainty == CERTAINTY_PROVED)
                footer->n_proved++;
        else
                footer->n_bpsw++;
}

void footer_digest(const Footer *footer, uint8_t ret[static SHA256_SIZE]) {
        uint8_t chain[64 * SHA256_SIZE];
        Sha256 *sha256 = sha256_new();
        size_t n = 0;

        if (!sha256)
                abort(); /* a few hundred bytes */
        for (uint64_t i = 0; i < footer->n_blocks; i++) {
                memcpy(chain + n, footer->entries[i].digest, SHA256_SIZE);
                n += SHA256_SIZE;
                if (n == sizeof chain || i + 1 == footer->n_blocks) {
                        sha256_update(sha256, chain, n);
                        n = 0;
                }
        }
        sha256_finish(sha256, ret);
        sha256_free(sha256);
}

uint64_t footer_records_end(const Footer *footer) {
        const FooterEntry *last;

        if (footer->n_blocks == 0)
                return FILE_HEADER_SIZE;
        last = footer->entries + footer->n_blocks - 1;
        return last->offset + RECORD_HEADER_SIZE + last->packed_size;
}

size_t footer_size(uint64_t n_blocks) {
        return FOOTER_FIXED_SIZE + (size_t) n_blocks * FOOTER_ENTRY_SIZE + FOOTER_TAIL_SIZE;
}

void footer_encode(const Footer *footer, uint8_t *ret) {
        const Facts *facts = &footer->facts;
        size_t size = footer_size(footer->n_blocks);
        const uint64_t words[] = {
                FOOTER_MAGIC, footer->number, footer->first_block, footer->n_blocks,
                facts->count, facts->n_small,
                facts->first.sequence, facts->first.offset, facts->last.sequence, facts->last.offset,
                facts->gap, facts->gap_at.sequence, facts->gap_at.offset,
                facts->twins,
                facts->classes[0], facts->classes[1], facts->classes[2], facts->classes[3],
                facts->classes[4], facts->classes[5], facts->classes[6], facts->classes[7],
                footer->n_proved, footer->n_bpsw,
        };
        uint8_t *p = ret;

        for (size_t i = 0; i < ELEMENTSOF(words); i++, p += 8)
                put_le64(p, words[i]);
        memcpy(p, footer->digest, SHA256_SIZE);
        p += SHA256_SIZE;
        for (uint64_t i = 0; i < footer->n_blocks; i++, p += FOOTER_ENTRY_SIZE) {
                const FooterEntry *entry = footer->entries + i;

                put_le64(p, entry->offset);
                put_le32(p + 8, entry->packed_size);
                put_le32(p + 12, entry->count);
                memcpy(p + 16, entry->digest, SHA256_SIZE);
        }
        put_le64(p, size);
        put_le64(p + 8, FOOTER_TAIL_MAGIC);
        put_le64(p + 16, checksum_xxh3(ret, size - 8));
}

/* The index must tile the file from its header on, and agree with the sums. */
static bool footer_is_consistent(const Footer *footer) {
        uint8_t digest[SHA256_SIZE];
        uint64_t offset = FILE_HEADER_SIZE, count = 0;

        for (uint64_t i = 0; i < footer->n_blocks; i++) {
                if (footer->entries[i].offset != offset)
                        return false;
                offset += RECORD_HEADER_SIZE + (uint64_t) footer->entries[i].packed_size;
                count += footer->entries[i].count;
        }
        if (count != footer->facts.count || footer->n_bpsw > footer->n_blocks ||
            footer->n_proved != footer->n_blocks - footer->n_bpsw)
                return false;
        footer_digest(footer, digest);
        return memcmp(digest, footer->digest, SHA256_SIZE) == 0;
}

int footer_decode(const uint8_t *data, size_t size, Footer *ret) {
        Footer footer;
        const uint8_t *p;
        uint64_t claimed, n_blocks;

        if (size < footer_size(0))
                return -EBADMSG;
        claimed = get_le64(data + size - FOOTER_TAIL_SIZE);
        if (claimed > size || claimed < footer_size(0) || claimed > footer_size(STORE_SEGMENT_BLOCKS_MAX) ||
            get_le64(data + size - 16) != FOOTER_TAIL_MAGIC)
                return -EBADMSG;
        p = data + size - claimed;
        n_blocks = get_le64(p + 24);
        if (get_le64(p) != FOOTER_MAGIC || n_blocks > STORE_SEGMENT_BLOCKS_MAX || claimed != footer_size(n_blocks) ||
            get_le64(data + size - 8) != checksum_xxh3(p, (size_t) claimed - 8))
                return -EBADMSG;

        footer = (Footer) {
                .number = get_le64(p + 8),
                .first_block = get_le64(p + 16),
                .n_blocks = n_blocks,
                .facts = {
                        .count = get_le64(p + 32),
                        .n_small = get_le64(p + 40),
                        .first = { get_le64(p + 48), get_le64(p + 56) },
                        .last = { get_le64(p + 64), get_le64(p + 72) },
                        .gap = get_le64(p + 80),
                        .gap_at = { get_le64(p + 88), get_le64(p + 96) },
                        .twins = get_le64(p + 104),
                },
                .n_proved = get_le64(p + 176),
                .n_bpsw = get_le64(p + 184),
        };
        for (size_t i = 0; i < ELEMENTSOF(footer.facts.classes); i++)
                footer.facts.classes[i] = get_le64(p + 112 + 8 * i);
        memcpy(footer.digest, p + 192, SHA256_SIZE);

        footer.entries = calloc(MAX(n_blocks, 1U), sizeof *footer.entries);
        if (!footer.entries)
                return -ENOMEM;
        p += FOOTER_FIXED_SIZE;
        for (uint64_t i = 0; i < n_blocks; i++, p += FOOTER_ENTRY_SIZE) {
                FooterEntry *entry = footer.entries + i;

                entry->offset = get_le64(p);
                entry->packed_size = get_le32(p + 8);
                entry->count = get_le32(p + 12);
                memcpy(entry->digest, p + 16, SHA256_SIZE);
        }
        if (!footer_is_consistent(&footer)) {
                footer_done(&footer);
                return -EBADMSG;
        }
        *ret = footer;
        return 0;
}

static int footer_problem(const char *name, Problem *problem) {
        return problem_set(problem, EBADMSG, "The end of the sealed segment '%s' is damaged or cut off. Put back a "
                           "copy of the file, or move it away and start the job again: its blocks are then computed "
                           "again, no other file is touched.", name);
}

int footer_read(const Disk *disk, int fd, uint64_t file_size, const Grid *grid, uint64_t segment_blocks,
                uint64_t number, const uint8_t job_digest[static SHA256_SIZE], const char *name, Footer *ret,
                Problem *problem) {
        uint64_t first_block = number * segment_blocks, n_blocks;
        uint8_t header[FILE_HEADER_SIZE];
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        Footer footer;
        ssize_t n;
        int r;

        n = disk->pread_full(disk, fd, header, sizeof header, 0);
        if (n < 0)
                return problem_set(problem, (int) n, "Cannot read '%s': %m.", name);
        r = file_header_check(header, (size_t) n, FILE_SEGMENT, number, job_digest, name, problem);
        if (r < 0)
                return r;
        if (number > grid->n_blocks / segment_blocks || first_block >= grid->n_blocks)
                return problem_set(problem, EBADMSG, "The segment '%s' lies behind the end of the job: move it away.",
                                   name);

        n_blocks = MIN(segment_blocks, grid->n_blocks - first_block);
        size = footer_size(n_blocks);
        if (file_size < FILE_HEADER_SIZE + size)
                return footer_problem(name, problem);
        data = malloc(size);
        if (!data)
                return problem_set(problem, ENOMEM, "Out of memory.");
        n = disk->pread_full(disk, fd, data, size, file_size - size);
        if (n < 0)
                return problem_set(problem, (int) n, "Cannot read '%s': %m.", name);
        r = footer_decode(data, (size_t) n, &footer);
        if (r == -ENOMEM)
                return problem_set(problem, ENOMEM, "Out of memory.");
        if (r < 0)
                return footer_problem(name, problem);

        if (footer.number != number || footer.first_block != first_block || footer.n_blocks != n_blocks ||
            footer_records_end(&footer) + size != file_size) {
                footer_done(&footer);
                return footer_problem(name, problem);
        }
        *ret = footer;
        return 0;
}
