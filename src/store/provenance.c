/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The provenance journal. */

#include "store/provenance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/macro.h"

/* More than are ever written between two syncs. */
#define UNSYNCED_ENTRIES_MAX UINT64_C(4096)

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

int provenance_open(Provenance *provenance, Folder *folder, Problem *problem) {
        uint8_t header[FILE_HEADER_SIZE];
        ssize_t n;
        int r;

        *provenance = (Provenance) { .folder = folder, .file = FOLDER_FILE_CLOSED };
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
