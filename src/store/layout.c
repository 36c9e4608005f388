/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names and first bytes of the files of a store. */

#include "store/layout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/macro.h"
#include "base/parse.h"

#define SEALED_SUFFIX ".primes"
#define OPEN_SUFFIX ".open"
#define SPOOL_PREFIX "spool-"

void layout_sealed_name(uint64_t first_block, char ret[static LAYOUT_NAME_SIZE]) {
        (void) snprintf(ret, LAYOUT_NAME_SIZE, "%012" PRIu64 SEALED_SUFFIX, first_block);
}

void layout_open_name(uint64_t first_block, char ret[static LAYOUT_NAME_SIZE]) {
        (void) snprintf(ret, LAYOUT_NAME_SIZE, "%012" PRIu64 OPEN_SUFFIX, first_block);
}

void layout_spool_name(uint64_t number, char ret[static LAYOUT_NAME_SIZE]) {
        (void) snprintf(ret, LAYOUT_NAME_SIZE, SPOOL_PREFIX "%08" PRIu64, number);
}

bool layout_quarantine_name(const char *name, unsigned attempt, char ret[static LAYOUT_NAME_SIZE]) {
        int n = attempt > 1 ? snprintf(ret, LAYOUT_NAME_SIZE, "%s" LAYOUT_QUARANTINE_SUFFIX "-%u", name, attempt)
                            : snprintf(ret, LAYOUT_NAME_SIZE, "%s" LAYOUT_QUARANTINE_SUFFIX, name);

        return n > 0 && n < LAYOUT_NAME_SIZE;
}

uint64_t layout_segment_end(uint64_t first_block, uint64_t segment_blocks, uint64_t n_blocks) {
        return MIN(n_blocks, first_block - first_block % segment_blocks + segment_blocks);
}

/* `name` is one of ours with the suffix of a damaged file behind it. */
static bool name_is_quarantined(const char *name) {
        const char *suffix = strstr(name, LAYOUT_QUARANTINE_SUFFIX);
        char stem[LAYOUT_NAME_SIZE], again[LAYOUT_NAME_SIZE];
        uint64_t attempt = 1;

        if (!suffix)
                return false;
        memcpy(stem, name, (size_t) (suffix - name));
        stem[suffix - name] = '\0';
        suffix += strlen(LAYOUT_QUARANTINE_SUFFIX);
        if (*suffix == '-' && (parse_u64(suffix + 1, &attempt) < 0 || attempt > UINT32_MAX))
                return false;
        return layout_parse_name(stem, NULL) != NAME_FOREIGN &&
               layout_quarantine_name(stem, (unsigned) attempt, again) && strcmp(name, again) == 0;
}

/* The number is read loosely, then written again: only the spelling that we would choose counts. */
NameKind layout_parse_name(const char *name, uint64_t *ret_number) {
        static const char *const plain[] = { LAYOUT_JOB, LAYOUT_LOCK, LAYOUT_MANIFEST, LAYOUT_PROVENANCE };
        char stem[LAYOUT_NAME_SIZE], digits[LAYOUT_NAME_SIZE], again[LAYOUT_NAME_SIZE] = "";
        NameKind kind = NAME_FOREIGN;
        size_t n = strlen(name), n_digits;
        uint64_t number = 0;

        if (n >= sizeof stem)
                return NAME_FOREIGN;
        memcpy(stem, name, n + 1);
        if (n > strlen(LAYOUT_NEW_SUFFIX) && strcmp(stem + n - strlen(LAYOUT_NEW_SUFFIX), LAYOUT_NEW_SUFFIX) == 0) {
                stem[n - strlen(LAYOUT_NEW_SUFFIX)] = '\0';
                return layout_parse_name(stem, NULL) == NAME_FOREIGN ? NAME_FOREIGN : NAME_UNFINISHED;
        }
        if (name_is_quarantined(name))
                return NAME_QUARANTINED;
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
                if (strcmp(stem, plain[i]) == 0)
                        return NAME_PLAIN;

        if (strncmp(stem, SPOOL_PREFIX, strlen(SPOOL_PREFIX)) == 0) {
                if (parse_u64(stem + strlen(SPOOL_PREFIX), &number) < 0)
                        return NAME_FOREIGN;
                layout_spool_name(number, again);
                kind = NAME_SPOOL;
        } else {
                n_digits = strspn(stem, "0123456789");
                memcpy(digits, stem, n_digits);
                digits[n_digits] = '\0';
                if (parse_u64(digits, &number) < 0)
                        return NAME_FOREIGN;
                if (strcmp(stem + n_digits, SEALED_SUFFIX) == 0) {
                        layout_sealed_name(number, again);
                        kind = NAME_SEALED;
                } else if (strcmp(stem + n_digits, OPEN_SUFFIX) == 0) {
                        layout_open_name(number, again);
                        kind = NAME_OPEN;
                }
        }
        if (strcmp(stem, again) != 0)
                return NAME_FOREIGN;
        if (ret_number)
                *ret_number = number;
        return kind;
}

void file_header_encode(FileKind kind, uint64_t number, const uint8_t job_digest[static SHA256_SIZE],
                        uint8_t ret[static FILE_HEADER_SIZE]) {
        memcpy(ret, LAYOUT_MAGIC, LAYOUT_MAGIC_SIZE);
        put_le32(ret + 8, STORE_FORMAT);
        put_le32(ret + 12, (uint32_t) kind);
        put_le64(ret + 16, number);
        memcpy(ret + 24, job_digest, SHA256_SIZE);
        put_le64(ret + 56, checksum_xxh3(ret, 56));
}

int file_header_check(const uint8_t *data, size_t size, FileKind kind, uint64_t number,
                      const uint8_t job_digest[static SHA256_SIZE], const char *name, Problem *problem) {
        if (size < FILE_HEADER_SIZE || memcmp(data, LAYOUT_MAGIC, LAYOUT_MAGIC_SIZE) != 0)
                return problem_set(problem, EBADMSG, "The file '%s' does not begin as a file of a store does: it is "
                                   "damaged. Put back a copy of it, or let 'primectl verify --repair --store=DIR' put "
                                   "it aside: what was in it is then computed again.", name);
        if (get_le64(data + 56) != checksum_xxh3(data, 56) || get_le32(data + 8) != STORE_FORMAT ||
            get_le32(data + 12) != (uint32_t) kind || get_le64(data + 16) != number)
                return problem_set(problem, EBADMSG, "The first 64 bytes of the file '%s' are damaged, or it has the "
                                   "wrong name. Put back a copy of it, or let 'primectl verify --repair --store=DIR' "
                                   "put it aside: what was in it is then computed again.", name);
        if (memcmp(data + 24, job_digest, SHA256_SIZE) != 0)
                return problem_set(problem, EEXIST, "The file '%s' belongs to the store of another job: move it "
                                   "away.", name);
        return 0;
}
