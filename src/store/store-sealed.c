/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sealed segments of an open store: their footers, and taking their bitmaps away. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/store-state.h"

int store_read_footer(const Store *store, uint64_t first_block, Footer *ret, uint64_t *ret_size, Problem *problem) {
        const Disk *disk = store->folder->disk;
        FooterPlace place = { store->grid, store->segment_blocks, first_block, store->folder->job_digest };
        char name[LAYOUT_NAME_SIZE];
        struct stat st;
        int fd, r;

        layout_sealed_name(first_block, name);
        fd = disk->open(disk, store->folder->fd, name, O_RDONLY | O_NOFOLLOW, 0);
        if (fd < 0) {
                r = folder_check_kind(store->folder->path, name, fd, problem);
                return r < 0 ? r : problem_set(problem, fd, "Cannot open '%s' in the store '%s': %m.", name,
                                               store->folder->path);
        }
        if (fstat(fd, &st) < 0)
                r = problem_set(problem, errno, "Cannot read '%s' in the store '%s': %m.", name, store->folder->path);
        else
                r = footer_read(disk, fd, (uint64_t) st.st_size, &place, name, ret, problem);
        (void) disk->close(disk, fd);
        if (r >= 0)
                *ret_size = (uint64_t) st.st_size;
        return r;
}

int store_check_entry(const Footer *footer, const ManifestEntry *entry, Problem *problem) {
        char name[LAYOUT_NAME_SIZE];

        if (memcmp(footer->digest, entry->digest, sizeof entry->digest) == 0)
                return 0;
        layout_sealed_name(footer->first_block, name);
        return problem_set(problem, EBADMSG, "The segment '%s' is not the one that the manifest tells of: bring the "
                           "old file back, or move it away and its blocks are computed again.", name);
}

/* Makes the listed segment `index` one without bitmaps, if it has some. */
static int store_thin_entry(Store *store, size_t index, StoreVacuum *vacuum, Problem *problem) {
        uint64_t first_block = store->manifest.entries[index].first_block, size, thin_size;
        Footer footer;
        int r;

        r = store_read_footer(store, first_block, &footer, &size, problem);
        if (r < 0)
                return folder_fail(store->folder, r, problem);
        thin_size = FILE_HEADER_SIZE + footer_size(footer.n_blocks, STORE_KEEP_DIGEST);
        if (footer.keep == STORE_KEEP_FULL)
                r = store_check_entry(&footer, store->manifest.entries + index, problem);
        if (r >= 0 && footer.keep == STORE_KEEP_FULL) {
                r = segment_thin(store->folder, &footer, problem);
                if (r >= 0) {
                        store->sealed_bytes -= size - thin_size;
                        vacuum->n_segments++;
                        vacuum->n_bytes += size - thin_size;
                }
        }
        footer_done(&footer);
        return r;
}

int store_vacuum(Store *store, uint64_t target_bytes, uint64_t n_segments_max, StoreVacuum *ret, Problem *problem) {
        uint64_t n_looked = 0;
        StoreTotals totals;
        int r;

        *ret = (StoreVacuum) {};
        r = folder_check(store->folder, problem);
        if (r < 0)
                return r;
        for (;;) {
                store_totals(store, &totals);
                if (totals.segment_bytes + totals.spool_bytes <= target_bytes ||
                    store->n_thin >= store->manifest.n_entries)
                        return 0;
                if (n_looked++ >= n_segments_max)
                        return 1;
                r = store_thin_entry(store, store->n_thin, ret, problem);
                if (r < 0)
                        return r;
                store->n_thin++;
        }
}

/* The first block of the sealed segment that holds block `sequence`, which is present and in a sealed one. */
static uint64_t store_sealed_first(const Store *store, uint64_t sequence) {
        const ManifestEntry *entry = manifest_find(&store->manifest, sequence);
        Interval island = {};

        if (entry)
                return entry->first_block;
        for (uint64_t from = 0, first = 0;; first = island.end - 1, from = island.end)
                if (!interval_set_next(&store->islands, from, &island) || island.first > sequence)
                        return first;
                else if (island.end > sequence)
                        return sequence;
}

int store_sealed_has_digest(const Store *store, uint64_t sequence, const uint8_t digest[static SHA256_SIZE]) {
        Footer *cached = store->cached, footer;
        uint64_t size;
        int r;

        if (!cached->entries || sequence < cached->first_block || sequence >= cached->first_block + cached->n_blocks) {
                r = store_read_footer(store, store_sealed_first(store, sequence), &footer, &size, NULL);
                if (r < 0)
                        return r;
                footer_done(cached);
                *cached = footer;
        }
        if (sequence < cached->first_block || sequence >= cached->first_block + cached->n_blocks)
                return -ENOENT;
        return memcmp(cached->entries[sequence - cached->first_block].digest, digest, BLOCK_DIGEST_SIZE) == 0;
}
