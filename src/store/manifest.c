/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The manifest: rank and chain of digests. It is written whole at each sealing; at 96 bytes a segment of 128 MiB
 * that is 100 kB for all primes to 10^13.
 */

#include "store/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "prime/grid.h"
#include "store/folder.h"
#include "store/layout.h"

#define MANIFEST_ENTRY_SIZE (4 * 8 + 2 * SHA256_SIZE)
#define MANIFEST_FIXED_SIZE (FILE_HEADER_SIZE + 8 + 8)

void manifest_done(Manifest *manifest) {
        free(manifest->entries);
        *manifest = MANIFEST_EMPTY;
}

uint64_t manifest_primes(const Manifest *manifest) {
        const ManifestEntry *last;

        if (manifest->n_entries == 0)
                return 0;
        last = manifest->entries + manifest->n_entries - 1;
        return last->rank + last->n_primes;
}

void manifest_cut(Manifest *manifest, const uint64_t *first_blocks, size_t n) {
        size_t i = 0;

        while (i < manifest->n_entries && i < n && first_blocks[i] == manifest->entries[i].first_block)
                i++;
        manifest->n_entries = i;
}

uint64_t manifest_end(const Manifest *manifest) {
        const ManifestEntry *last;

        if (manifest->n_entries == 0)
                return 0;
        last = manifest->entries + manifest->n_entries - 1;
        return last->first_block + last->n_blocks;
}

const ManifestEntry *manifest_find(const Manifest *manifest, uint64_t sequence) {
        size_t low = 0, high = manifest->n_entries;

        if (sequence >= manifest_end(manifest))
                return NULL;
        while (high - low > 1) {
                size_t middle = low + (high - low) / 2;

                if (manifest->entries[middle].first_block <= sequence)
                        low = middle;
                else
                        high = middle;
        }
        return manifest->entries + low;
}

void manifest_chain(const Manifest *manifest, uint8_t ret[static SHA256_SIZE]) {
        if (manifest->n_entries == 0)
                memset(ret, 0, SHA256_SIZE);
        else
                memcpy(ret, manifest->entries[manifest->n_entries - 1].chain, SHA256_SIZE);
}

int manifest_append(Manifest *manifest, const Footer *footer) {
        ManifestEntry *entry;

        if (manifest->n_entries == manifest->n_allocated) {
                size_t n_allocated = manifest->n_allocated * 2 + 16;

                entry = reallocarray(manifest->entries, n_allocated, sizeof *entry);
                if (!entry)
                        return -ENOMEM;
                manifest->entries = entry;
                manifest->n_allocated = n_allocated;
        }
        entry = manifest->entries + manifest->n_entries;
        *entry = (ManifestEntry) {
                .first_block = footer->first_block,
                .n_blocks = footer->n_blocks,
                .n_primes = footer->facts.count,
                .rank = manifest_primes(manifest),
        };
        memcpy(entry->digest, footer->digest, SHA256_SIZE);
        manifest_chain(manifest, entry->chain);
        footer_extend_chain(footer, entry->chain);
        manifest->n_entries++;
        return 0;
}

int manifest_encode(const Manifest *manifest, const uint8_t job_digest[static SHA256_SIZE], uint8_t **ret,
                    size_t *ret_size) {
        size_t size = MANIFEST_FIXED_SIZE + manifest->n_entries * MANIFEST_ENTRY_SIZE;
        uint8_t *data, *p;

        data = malloc(size);
        if (!data)
                return -ENOMEM;
        file_header_encode(FILE_MANIFEST, 0, job_digest, data);
        put_le64(data + FILE_HEADER_SIZE, manifest->n_entries);
        p = data + FILE_HEADER_SIZE + 8;
        for (size_t i = 0; i < manifest->n_entries; i++, p += MANIFEST_ENTRY_SIZE) {
                const ManifestEntry *entry = manifest->entries + i;

                put_le64(p, entry->first_block);
                put_le64(p + 8, entry->n_blocks);
                put_le64(p + 16, entry->n_primes);
                put_le64(p + 24, entry->rank);
                memcpy(p + 32, entry->digest, SHA256_SIZE);
                memcpy(p + 64, entry->chain, SHA256_SIZE);
        }
        put_le64(p, checksum_xxh3(data, size - 8));
        *ret = data;
        *ret_size = size;
        return 0;
}

static int manifest_damaged(Problem *problem) {
        return problem_set(problem, EBADMSG, "The file 'manifest' of the store is damaged. Delete it and start the job "
                           "again: it is made anew from the segments, nothing is lost.");
}

/* Entry `index` of what is decoded so far; where it must begin and what its rank must be follows from those before. */
static bool manifest_decode_entry(const uint8_t *p, Manifest *manifest, size_t index) {
        ManifestEntry *entry = manifest->entries + index;
        const ManifestEntry *before = index > 0 ? entry - 1 : NULL;

        *entry = (ManifestEntry) {
                .first_block = get_le64(p),
                .n_blocks = get_le64(p + 8),
                .n_primes = get_le64(p + 16),
                .rank = get_le64(p + 24),
        };
        memcpy(entry->digest, p + 32, SHA256_SIZE);
        memcpy(entry->chain, p + 64, SHA256_SIZE);
        return entry->n_blocks > 0 && entry->n_blocks <= FOOTER_BLOCKS_MAX &&
                entry->n_primes <= entry->n_blocks * (GRID_BLOCK_BYTES_MAX * 8 + 3) &&
                entry->first_block == (before ? before->first_block + before->n_blocks : 0) &&
                entry->rank == (before ? before->rank + before->n_primes : 0);
}

int manifest_decode(const uint8_t *data, size_t size, const uint8_t job_digest[static SHA256_SIZE], Manifest *ret,
                    Problem *problem) {
        Problem header_problem = PROBLEM_NONE;
        Manifest manifest = MANIFEST_EMPTY;
        size_t n_entries;
        int r;

        r = file_header_check(data, size, FILE_MANIFEST, 0, job_digest, LAYOUT_MANIFEST, &header_problem);
        if (r == -EEXIST)
                return problem_set(problem, r, "%s", header_problem.text);
        if (r < 0 || size < MANIFEST_FIXED_SIZE || (size - MANIFEST_FIXED_SIZE) % MANIFEST_ENTRY_SIZE != 0)
                return manifest_damaged(problem);
        n_entries = (size - MANIFEST_FIXED_SIZE) / MANIFEST_ENTRY_SIZE;
        if (get_le64(data + FILE_HEADER_SIZE) != n_entries ||
            get_le64(data + size - 8) != checksum_xxh3(data, size - 8))
                return manifest_damaged(problem);

        manifest.entries = calloc(n_entries + 1, sizeof *manifest.entries);
        if (!manifest.entries)
                return problem_set(problem, ENOMEM, "Out of memory.");
        manifest.n_entries = n_entries;
        manifest.n_allocated = n_entries + 1;
        for (size_t i = 0; i < n_entries; i++)
                if (!manifest_decode_entry(data + FILE_HEADER_SIZE + 8 + i * MANIFEST_ENTRY_SIZE, &manifest, i)) {
                        manifest_done(&manifest);
                        return manifest_damaged(problem);
                }
        *ret = manifest;
        return 0;
}

int manifest_read(int dir_fd, const char *path, const uint8_t job_digest[static SHA256_SIZE], Manifest *ret,
                  Problem *problem) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = file_read_whole(dir_fd, LAYOUT_MANIFEST, MANIFEST_SIZE_MAX, &data, &size);
        if (r == -ENOENT) {
                *ret = MANIFEST_EMPTY;
                return 0;
        }
        if (r == -EFBIG || folder_check_kind(path, LAYOUT_MANIFEST, r, NULL) < 0) /* nothing that we wrote */
                return manifest_damaged(problem);
        if (r < 0)
                return problem_set(problem, r, "Cannot read the file 'manifest' of the store '%s': %m.", path);
        return manifest_decode((const uint8_t *) data, size, job_digest, ret, problem);
}
