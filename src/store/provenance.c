/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The provenance journal.
 *
 * Why entries are merged within hours of the clock, and not with whatever is less than an hour away: a worker that goes
 * on for a year would pull its one entry along, and nobody could tell any more which of its blocks are how old. So the
 * outcome also does not depend on how often a journal is compacted.
 *
 * Each entry is read, sorted and written a constant number of times on average, since the file must double in between.
 */

#include "store/provenance.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/macro.h"

/* More than are ever written between two syncs. */
#define UNSYNCED_ENTRIES_MAX UINT64_C(4096)

/* Entries are merged within so much time. */
#define MERGE_USEC USEC_PER_HOUR

/* A journal that would shrink by less than a GAIN_PART of it is not written again. */
#define GAIN_PART 4U

void provenance_encode(const ProvenanceEntry *entry, uint8_t ret[static PROVENANCE_ENTRY_SIZE]) {
        memset(ret, 0, PROVENANCE_ENTRY_SIZE);
        put_le64(ret, entry->first);
        put_le64(ret + 8, entry->end);
        memcpy(ret + 16, entry->worker_id, SHA256_SIZE);
        put_le64(ret + 48, entry->realtime_usec);
        memcpy(ret + 56, entry->worker_name, strnlen(entry->worker_name, PROVENANCE_NAME_SIZE));
        memcpy(ret + 120, entry->check, strnlen(entry->check, PROVENANCE_CHECK_SIZE));
        put_le64(ret + 152, checksum_xxh3(ret, 152));
}

/* A text that does not fill its place ends with zeros. */
static bool text_is_padded(const char *text, size_t size) {
        for (size_t i = strnlen(text, size); i < size; i++)
                if (text[i] != '\0')
                        return false;
        return true;
}

int provenance_decode(const uint8_t data[static PROVENANCE_ENTRY_SIZE], ProvenanceEntry *ret) {
        if (get_le64(data + 152) != checksum_xxh3(data, 152) || get_le64(data) >= get_le64(data + 8))
                return -EBADMSG;
        if (!text_is_padded((const char *) data + 56, PROVENANCE_NAME_SIZE) ||
            !text_is_padded((const char *) data + 120, PROVENANCE_CHECK_SIZE))
                return -EBADMSG;
        *ret = (ProvenanceEntry) {
                .first = get_le64(data),
                .end = get_le64(data + 8),
                .realtime_usec = get_le64(data + 48),
        };
        memcpy(ret->worker_id, data + 16, SHA256_SIZE);
        memcpy(ret->worker_name, data + 56, PROVENANCE_NAME_SIZE);
        memcpy(ret->check, data + 120, PROVENANCE_CHECK_SIZE);
        return 0;
}

/*
 * Takes out of the end of the file what a crash spoiled there. Of the entries that were not synced any may be lost, not
 * just the last: the kernel writes pages in its own order. The good ones behind a bad one are put back after the cut.
 */
static int provenance_mend(Provenance *provenance, Problem *problem) {
        Folder *folder = provenance->folder;
        uint64_t size = provenance->file.end - FILE_HEADER_SIZE;
        uint64_t n_entries = size / PROVENANCE_ENTRY_SIZE, first = n_entries - MIN(n_entries, UNSYNCED_ENTRIES_MAX);
        uint64_t n_before = first, n_behind = 0;
        _cleanup_free_ uint8_t *data = NULL;
        Problem own = PROBLEM_NONE;
        ProvenanceEntry entry;
        bool whole = size % PROVENANCE_ENTRY_SIZE == 0;
        ssize_t n;
        int r;

        data = malloc((size_t) (n_entries - first + 1) * PROVENANCE_ENTRY_SIZE);
        if (!data)
                return problem_set(problem, ENOMEM, "Out of memory.");
        n = folder_read(folder, &provenance->file, data, (size_t) (n_entries - first) * PROVENANCE_ENTRY_SIZE,
                        FILE_HEADER_SIZE + first * PROVENANCE_ENTRY_SIZE);
        if (n < 0)
                return problem_set(problem, (int) n, "Cannot read '%s' in the store '%s': %m.", LAYOUT_PROVENANCE,
                                   folder->path);
        for (uint64_t i = 0; i < (uint64_t) n / PROVENANCE_ENTRY_SIZE; i++) {
                const uint8_t *p = data + i * PROVENANCE_ENTRY_SIZE;

                if (provenance_decode(p, &entry) < 0)
                        whole = false;
                else if (n_before == first + i)
                        n_before++;
                else
                        memmove(data + n_behind++ * PROVENANCE_ENTRY_SIZE, p, PROVENANCE_ENTRY_SIZE);
        }
        if (whole)
                return 0;
        r = folder_cut(folder, &provenance->file, FILE_HEADER_SIZE + n_before * PROVENANCE_ENTRY_SIZE, problem);
        if (r < 0 || n_behind == 0)
                return r;
        r = folder_append(folder, &provenance->file, data, (size_t) n_behind * PROVENANCE_ENTRY_SIZE, &own);
        if (r >= 0 || folder_failure_is_soft(folder, r))
                return 0; /* on a full disk they are history that is lost, and nothing else */
        return problem_set(problem, r, "%s", own.text);
}

int provenance_open(Provenance *provenance, Folder *folder, uint64_t compact_size, Problem *problem) {
        uint8_t header[FILE_HEADER_SIZE];
        ssize_t n;
        int r;

        *provenance = (Provenance) { .folder = folder, .file = FOLDER_FILE_CLOSED, .compact_size = compact_size };
        if (faccessat(folder->fd, LAYOUT_PROVENANCE, F_OK, 0) < 0 && errno == ENOENT)
                return 0;
        r = folder_adopt(folder, LAYOUT_PROVENANCE, &provenance->file, problem);
        if (r < 0)
                return r;
        n = folder_read(folder, &provenance->file, header, sizeof header, 0);
        if (n < 0)
                return problem_set(problem, (int) n, "Cannot read '%s' in the store '%s': %m.", LAYOUT_PROVENANCE,
                                   folder->path);
        r = file_header_check(header, (size_t) n, FILE_PROVENANCE, 0, folder->job_digest, LAYOUT_PROVENANCE, problem);
        if (r < 0)
                return r;

        return provenance_mend(provenance, problem);
}

void provenance_close(Provenance *provenance) {
        if (provenance->folder)
                folder_file_close(provenance->folder, &provenance->file);
}

int provenance_append(Provenance *provenance, const ProvenanceEntry *entry, Problem *problem) {
        uint8_t header[FILE_HEADER_SIZE], data[PROVENANCE_ENTRY_SIZE];
        Folder *folder = provenance->folder;
        int r;

        if (provenance->file.fd < 0) {
                file_header_encode(FILE_PROVENANCE, 0, folder->job_digest, header);
                r = folder_publish(folder, LAYOUT_PROVENANCE, header, sizeof header, &provenance->file, problem);
                if (r < 0)
                        return r;
        }
        provenance_encode(entry, data);
        return folder_append(folder, &provenance->file, data, sizeof data, problem);
}

int provenance_sync(Provenance *provenance, Problem *problem) {
        return folder_sync(provenance->folder, &provenance->file, problem);
}

/* compaction: on encoded entries, in place */

static int bytes_compare_usec(const uint8_t *a, const uint8_t *b) {
        uint64_t x = get_le64(a + 48) / MERGE_USEC, y = get_le64(b + 48) / MERGE_USEC;

        return (x > y) - (x < y);
}

/* By what must be equal in entries that are merged. */
static int bytes_compare_kind(const uint8_t *a, const uint8_t *b) {
        int r = bytes_compare_usec(a, b);

        if (r == 0)
                r = memcmp(a + 16, b + 16, SHA256_SIZE);
        if (r == 0)
                r = memcmp(a + 56, b + 56, PROVENANCE_NAME_SIZE + PROVENANCE_CHECK_SIZE);
        return r;
}

static int order_compare(const void *a, const void *b) {
        const uint8_t *x = *(uint8_t *const *) a, *y = *(uint8_t *const *) b;
        int r = bytes_compare_kind(x, y);

        if (r == 0)
                r = (get_le64(x) > get_le64(y)) - (get_le64(x) < get_le64(y));
        return r != 0 ? r : (x > y) - (x < y);
}

/* Moves those that are good to the front; returns their number. */
static size_t entries_gather(uint8_t *data, size_t n_entries) {
        ProvenanceEntry entry;
        size_t n_good = 0;

        for (size_t i = 0; i < n_entries; i++) {
                uint8_t *p = data + i * PROVENANCE_ENTRY_SIZE;

                if (provenance_decode(p, &entry) >= 0)
                        memmove(data + n_good++ * PROVENANCE_ENTRY_SIZE, p, PROVENANCE_ENTRY_SIZE);
        }
        return n_good;
}

/*
 * Makes a run of entries one, in the place of the one that stands first; the others are damaged, which is how they are
 * dropped.
 */
static void entries_join(uint8_t *const *run, size_t n_run, uint64_t end) {
        uint64_t first = get_le64(run[0]), usec = 0;
        ProvenanceEntry entry;
        uint8_t *place = run[0];

        if (n_run == 1)
                return;
        for (size_t i = 0; i < n_run; i++) {
                place = MIN(place, run[i]);
                usec = MAX(usec, get_le64(run[i] + 48));
        }
        (void) provenance_decode(place, &entry);
        for (size_t i = 0; i < n_run; i++)
                memset(run[i], 0, PROVENANCE_ENTRY_SIZE);
        entry.first = first;
        entry.end = end;
        entry.realtime_usec = usec;
        provenance_encode(&entry, place);
}

/* Good ones; `order` has room for as many. Returns how many are left. */
static size_t entries_merge(uint8_t *data, size_t n_entries, uint8_t **order) {
        size_t n_run;

        for (size_t i = 0; i < n_entries; i++)
                order[i] = data + i * PROVENANCE_ENTRY_SIZE;
        qsort(order, n_entries, sizeof *order, order_compare);
        for (size_t i = 0; i < n_entries; i += n_run) {
                uint64_t end = get_le64(order[i] + 8);

                for (n_run = 1; i + n_run < n_entries; n_run++) {
                        const uint8_t *next = order[i + n_run];

                        if (bytes_compare_kind(order[i], next) != 0 || get_le64(next) > end)
                                break;
                        end = MAX(end, get_le64(next + 8));
                }
                entries_join(order + i, n_run, end);
        }
        return entries_gather(data, n_entries);
}

static int provenance_replace(Provenance *provenance, const uint8_t *data, size_t size, Problem *problem) {
        Folder *folder = provenance->folder;
        FolderFile file = FOLDER_FILE_CLOSED;
        Problem own = PROBLEM_NONE;
        int r;

        r = folder_publish(folder, LAYOUT_PROVENANCE, data, size, &file, &own);
        if (r < 0)
                return folder_failure_is_soft(folder, r) ? 0 : problem_set(problem, r, "%s", own.text);
        folder_file_close(folder, &provenance->file);
        provenance->file = file;
        return 0;
}

int provenance_compact(Provenance *provenance, Problem *problem) {
        uint64_t size = provenance->file.end;
        size_t n_entries, n_left;
        _cleanup_free_ uint8_t *data = NULL, **order = NULL;
        int r;

        r = folder_check(provenance->folder, problem);
        if (r < 0 || provenance->file.fd < 0 || size <= provenance->compact_size || size / 2 < provenance->settled_size)
                return r;
        provenance->settled_size = size; /* whatever comes of it: the next try is when it has doubled again */
        if (size > SSIZE_MAX)
                return 0;
        n_entries = (size_t) (size - FILE_HEADER_SIZE) / PROVENANCE_ENTRY_SIZE;
        data = malloc(FILE_HEADER_SIZE + n_entries * PROVENANCE_ENTRY_SIZE);
        order = calloc(n_entries + 1, sizeof *order);
        if (!data || !order ||
            folder_read(provenance->folder, &provenance->file, data + FILE_HEADER_SIZE,
                        n_entries * PROVENANCE_ENTRY_SIZE, FILE_HEADER_SIZE) !=
                    (ssize_t) (n_entries * PROVENANCE_ENTRY_SIZE))
                return 0;
        file_header_encode(FILE_PROVENANCE, 0, provenance->folder->job_digest, data);
        n_left = entries_merge(data + FILE_HEADER_SIZE, entries_gather(data + FILE_HEADER_SIZE, n_entries), order);
        if (n_left > n_entries - n_entries / GAIN_PART)
                return 0;
        r = provenance_replace(provenance, data, FILE_HEADER_SIZE + n_left * PROVENANCE_ENTRY_SIZE, problem);
        provenance->settled_size = provenance->file.end;
        return r;
}
