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
#include "store/layout.h"

#define FOOTER_MAGIC UINT64_C(0x746f6f6664656d70) /* "pmedfoot" */
#define FOOTER_TAIL_MAGIC UINT64_C(0x646e6564656d7270) /* "prmedend" */
#define FOOTER_FIXED_SIZE 224
#define FOOTER_PACKED_SIZE_SIZE 4
#define FOOTER_TAIL_SIZE 24

const char *store_keep_name(StoreKeep keep) {
        switch (keep) {
        case STORE_KEEP_FULL:
                return "full";
        case STORE_KEEP_DIGEST:
                return "digest";
        }
        return NULL;
}

int store_keep_parse(const char *word, StoreKeep *ret) {
        for (StoreKeep keep = STORE_KEEP_FULL; keep <= STORE_KEEP_DIGEST; keep++)
                if (strcmp(word, store_keep_name(keep)) == 0) {
                        *ret = keep;
                        return 0;
                }
        return -EINVAL;
}

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
        memcpy(entry->digest, record->digest, BLOCK_DIGEST_SIZE);
        facts_join(&footer->facts, &record->facts, block_length);
        if (footer->n_blocks == 1)
                footer->keep = STORE_KEEP_DIGEST;
        if (record->packed_size > 0)
                footer->keep = STORE_KEEP_FULL;
        if (record->certainty == CERTAINTY_PROVED)
                footer->n_proved++;
        else
                footer->n_bpsw++;
}

StoreKeep footer_last_keep(const Footer *footer) {
        return footer->entries[footer->n_blocks - 1].packed_size > 0 ? STORE_KEEP_FULL : STORE_KEEP_DIGEST;
}

static void entry_encode(const FooterEntry *entry, uint8_t ret[static BLOCK_ENTRY_SIZE]) {
        put_le32(ret, entry->count);
        memcpy(ret + 4, entry->digest, BLOCK_DIGEST_SIZE);
}

static void index_encode(const Footer *footer, uint8_t *ret) {
        for (uint64_t i = 0; i < footer->n_blocks; i++)
                entry_encode(footer->entries + i, ret + i * BLOCK_ENTRY_SIZE);
}

uint8_t *footer_encode_index(const Footer *footer) {
        uint8_t *index = malloc(MAX((size_t) footer->n_blocks * BLOCK_ENTRY_SIZE, (size_t) 1));

        if (index)
                index_encode(footer, index);
        return index;
}

int footer_digest(const Footer *footer, uint8_t ret[static SHA256_SIZE]) {
        _cleanup_free_ uint8_t *index = footer_encode_index(footer);

        if (!index)
                return -ENOMEM;
        checksum_sha256(index, (size_t) footer->n_blocks * BLOCK_ENTRY_SIZE, ret);
        return 0;
}

void footer_extend_chain(const Footer *footer, uint8_t chain[static SHA256_SIZE]) {
        uint8_t link[SHA256_SIZE + BLOCK_ENTRY_SIZE];

        for (uint64_t i = 0; i < footer->n_blocks; i++) {
                memcpy(link, chain, SHA256_SIZE);
                entry_encode(footer->entries + i, link + SHA256_SIZE);
                checksum_sha256(link, sizeof link, chain);
        }
}

uint64_t footer_records_end(const Footer *footer) {
        const FooterEntry *last;

        if (footer->n_blocks == 0 || footer->keep == STORE_KEEP_DIGEST)
                return FILE_HEADER_SIZE;
        last = footer->entries + footer->n_blocks - 1;
        return last->offset + RECORD_HEADER_SIZE + last->packed_size;
}

size_t footer_size(uint64_t n_blocks, StoreKeep keep) {
        size_t entry_size = BLOCK_ENTRY_SIZE + (keep == STORE_KEEP_FULL ? FOOTER_PACKED_SIZE_SIZE : 0);

        return FOOTER_FIXED_SIZE + (size_t) n_blocks * entry_size + FOOTER_TAIL_SIZE;
}

void footer_encode(const Footer *footer, uint8_t *ret) {
        const Facts *facts = &footer->facts;
        size_t size = footer_size(footer->n_blocks, footer->keep);
        const uint64_t words[] = {
                FOOTER_MAGIC, footer->first_block, footer->n_blocks, (uint64_t) footer->keep,
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
        index_encode(footer, p);
        p += footer->n_blocks * BLOCK_ENTRY_SIZE;
        for (uint64_t i = 0; footer->keep == STORE_KEEP_FULL && i < footer->n_blocks; i++, p += FOOTER_PACKED_SIZE_SIZE)
                put_le32(p, footer->entries[i].packed_size);
        put_le64(p, size);
        put_le64(p + 8, FOOTER_TAIL_MAGIC);
        put_le64(p + 16, checksum_xxh3(ret, size - 8));
}

/* The index must agree with the sums. */
static int footer_check(const Footer *footer) {
        uint8_t digest[SHA256_SIZE];
        uint64_t count = 0;

        for (uint64_t i = 0; i < footer->n_blocks; i++)
                count += footer->entries[i].count;
        if (count != footer->facts.count || footer->n_bpsw > footer->n_blocks ||
            footer->n_proved != footer->n_blocks - footer->n_bpsw)
                return -EBADMSG;
        if (footer_digest(footer, digest) < 0)
                return -ENOMEM;
        return memcmp(digest, footer->digest, SHA256_SIZE) == 0 ? 0 : -EBADMSG;
}

/* `p`: behind the fixed part. */
static void footer_decode_entries(Footer *footer, const uint8_t *p) {
        const uint8_t *sizes = p + footer->n_blocks * BLOCK_ENTRY_SIZE;
        uint64_t offset = FILE_HEADER_SIZE;

        for (uint64_t i = 0; i < footer->n_blocks; i++, p += BLOCK_ENTRY_SIZE) {
                FooterEntry *entry = footer->entries + i;

                entry->count = get_le32(p);
                memcpy(entry->digest, p + 4, BLOCK_DIGEST_SIZE);
                if (footer->keep == STORE_KEEP_DIGEST)
                        continue;
                entry->packed_size = get_le32(sizes + i * FOOTER_PACKED_SIZE_SIZE);
                entry->offset = offset;
                offset += RECORD_HEADER_SIZE + (uint64_t) entry->packed_size;
        }
}

int footer_decode(const uint8_t *data, size_t size, Footer *ret) {
        Footer footer;
        const uint8_t *p;
        uint64_t claimed, n_blocks, keep;
        int r;

        if (size < footer_size(0, STORE_KEEP_DIGEST))
                return -EBADMSG;
        claimed = get_le64(data + size - FOOTER_TAIL_SIZE);
        if (claimed > size || claimed < footer_size(0, STORE_KEEP_DIGEST) ||
            claimed > footer_size(FOOTER_BLOCKS_MAX, STORE_KEEP_FULL) ||
            get_le64(data + size - 16) != FOOTER_TAIL_MAGIC)
                return -EBADMSG;
        p = data + size - claimed;
        n_blocks = get_le64(p + 16);
        keep = get_le64(p + 24);
        if (get_le64(p) != FOOTER_MAGIC || n_blocks == 0 || n_blocks > FOOTER_BLOCKS_MAX ||
            (keep != STORE_KEEP_FULL && keep != STORE_KEEP_DIGEST) ||
            claimed != footer_size(n_blocks, (StoreKeep) keep) ||
            get_le64(data + size - 8) != checksum_xxh3(p, (size_t) claimed - 8))
                return -EBADMSG;

        footer = (Footer) {
                .first_block = get_le64(p + 8),
                .n_blocks = n_blocks,
                .keep = (StoreKeep) keep,
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

        footer.entries = calloc((size_t) n_blocks, sizeof *footer.entries);
        if (!footer.entries)
                return -ENOMEM;
        footer_decode_entries(&footer, p + FOOTER_FIXED_SIZE);
        r = footer_check(&footer);
        if (r < 0) {
                footer_done(&footer);
                return r;
        }
        *ret = footer;
        return 0;
}

static int footer_problem(const char *name, Problem *problem) {
        return problem_set(problem, EBADMSG, "The end of the sealed segment '%s' is damaged or cut off. Put back a "
                           "copy of the file, or let 'primectl verify --repair --store=DIR' put it aside and start "
                           "the job again: its blocks are then computed again, no other file is touched.", name);
}

/* Is the footer one of a segment that may lie here, in a file of this size? */
static bool footer_fits(const Footer *footer, const FooterPlace *place, uint64_t file_size) {
        uint64_t border = layout_segment_end(place->first_block, place->segment_blocks, place->grid->n_blocks);

        return footer->first_block == place->first_block && footer->n_blocks <= border - place->first_block &&
               footer_records_end(footer) + footer_size(footer->n_blocks, footer->keep) == file_size;
}

int footer_read(const Disk *disk, int fd, uint64_t file_size, const FooterPlace *place, const char *name, Footer *ret,
                Problem *problem) {
        uint8_t header[FILE_HEADER_SIZE], tail[FOOTER_TAIL_SIZE];
        _cleanup_free_ uint8_t *data = NULL;
        uint64_t size;
        Footer footer;
        ssize_t n;
        int r;

        n = disk->pread_full(disk, fd, header, sizeof header, 0);
        if (n < 0)
                return problem_set(problem, (int) n, "Cannot read '%s': %m.", name);
        r = file_header_check(header, (size_t) n, FILE_SEGMENT, place->first_block, place->job_digest, name, problem);
        if (r < 0)
                return r;
        if (place->first_block >= place->grid->n_blocks)
                return problem_set(problem, EBADMSG, "The segment '%s' lies behind the end of the job: move it away.",
                                   name);

        if (file_size < FILE_HEADER_SIZE + footer_size(0, STORE_KEEP_DIGEST))
                return footer_problem(name, problem);
        n = disk->pread_full(disk, fd, tail, sizeof tail, file_size - sizeof tail);
        if (n < 0)
                return problem_set(problem, (int) n, "Cannot read '%s': %m.", name);
        size = get_le64(tail);
        if ((size_t) n < sizeof tail || size > footer_size(FOOTER_BLOCKS_MAX, STORE_KEEP_FULL) ||
            size > file_size - FILE_HEADER_SIZE)
                return footer_problem(name, problem);
        data = malloc(MAX((size_t) size, (size_t) 1));
        if (!data)
                return problem_set(problem, ENOMEM, "Out of memory.");
        n = disk->pread_full(disk, fd, data, (size_t) size, file_size - size);
        if (n < 0)
                return problem_set(problem, (int) n, "Cannot read '%s': %m.", name);
        r = footer_decode(data, (size_t) n, &footer);
        if (r == -ENOMEM)
                return problem_set(problem, ENOMEM, "Out of memory.");
        if (r < 0)
                return footer_problem(name, problem);
        if (!footer_fits(&footer, place, file_size)) {
                footer_done(&footer);
                return footer_problem(name, problem);
        }
        *ret = footer;
        return 0;
}
