/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a store finds when it is opened: the job, sealed segments with or without a place in the manifest, an open one,
 * the spool, what a crash left of each, and what a person or a disk took away.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/number.h"
#include "store/job-file.h"
#include "store/store-state.h"

int store_open_job(Store *store, bool exists, Problem *problem) {
        Folder *folder = store->folder;
        _cleanup_free_ char *text = NULL, *from = NULL, *to = NULL;
        Grid grid;
        size_t size;
        bool equal;
        int r;

        if (!exists) {
                r = job_file_encode(store->grid, store->segment_blocks, &text, &size);
                if (r < 0)
                        return problem_set(problem, ENOMEM, "Out of memory.");
                checksum_sha256(text, size, folder->job_digest);
                return folder_publish(folder, LAYOUT_JOB, text, size, NULL, problem);
        }

        r = job_file_read(folder->fd, folder->path, &grid, &store->segment_blocks, folder->job_digest, problem);
        if (r < 0)
                return r;
        equal = grid_equal(&grid, store->grid);
        from = number_format_short(grid.from);
        to = grid.open ? strdup("open") : number_format_short(grid.to);
        grid_done(&grid);
        if (!equal)
                return problem_set(problem, EEXIST, "The folder '%s' holds the store of another job, from %s to %s: "
                                   "choose another folder (--store, or 'store' in master.conf), or ask for that job.",
                                   folder->path,
                                   from ?: "?", to ?: "?");
        return 0;
}

static int store_overlap_problem(uint64_t first_block, Problem *problem) {
        char name[LAYOUT_NAME_SIZE];

        layout_sealed_name(first_block, name);
        return problem_set(problem, EBADMSG, "The segment '%s' has blocks that another one before it has, too: move "
                           "away the one that does not belong to this store.", name);
}

/*
 * The listed segments that are there without a gap. What the manifest tells of the others, behind a missing one, is
 * given up: they are islands, and their own footers say all of it again.
 */
static void store_cut_manifest(Store *store, const FolderNumbers *sealed) {
        size_t n_before = store->manifest.n_entries;

        manifest_cut(&store->manifest, sealed->numbers, sealed->n_numbers);
        store->manifest_behind = store->manifest.n_entries < n_before;
}

/* A sealed file: listed, next to be listed, or an island. */
static int store_load_footer(Store *store, uint64_t first_block, Problem *problem) {
        const ManifestEntry *entry = manifest_find(&store->manifest, first_block);
        Footer footer;
        uint64_t size;
        int r = 0;

        r = store_read_footer(store, first_block, &footer, &size, problem);
        if (r < 0)
                return r;
        store->sealed_bytes += size;
        store->last_keep = footer_last_keep(&footer);
        if (entry && entry->first_block == first_block)
                r = store_check_entry(&footer, entry, problem);
        else if (first_block < manifest_end(&store->manifest))
                r = store_overlap_problem(first_block, problem);
        else if (first_block == manifest_end(&store->manifest)) {
                r = manifest_append(&store->manifest, &footer);
                store->manifest_behind = true;
        } else
                r = interval_set_add(&store->islands, first_block, first_block + 1);
        if (r >= 0 && interval_set_count(&store->present, first_block, first_block + footer.n_blocks) > 0)
                r = store_overlap_problem(first_block, problem);
        if (r >= 0)
                r = interval_set_add(&store->present, first_block, first_block + footer.n_blocks);
        footer_done(&footer);
        return r == -ENOMEM ? problem_set(problem, ENOMEM, "Out of memory.") : r;
}

/*
 * Holds the manifest against the sealed files that are there. Each file's header, size and footer are looked at, so
 * that nothing is added to a store that lost a piece of what it holds; the records are left to verify.
 */
static int store_load_sealed(Store *store, const FolderNumbers *sealed, Problem *problem) {
        int r;

        r = manifest_read(store->folder->fd, store->folder->path, store->folder->job_digest, &store->manifest,
                          problem);
        if (r < 0)
                return r;
        store_cut_manifest(store, sealed);
        for (size_t i = 0; i < sealed->n_numbers; i++) {
                r = store_load_footer(store, sealed->numbers[i], problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A whole record that something damaged cut off from the others: early, like any block beyond the frontier. */
static int store_take_rest(const Record *record, const uint8_t *packed, void *userdata) {
        Store *store = userdata;
        int r;

        if (interval_set_contains(&store->present, record->sequence))
                return 0;
        r = spool_put(store->spool, record, packed, NULL);
        return r < 0 ? r : interval_set_add(&store->present, record->sequence, record->sequence + 1);
}

/*
 * An open segment that is not the one at the frontier: a hole was made before it. Its blocks go to the spool like
 * any that came too early.
 */
static int store_pour_open(Store *store, uint64_t first_block, Problem *problem) {
        char name[LAYOUT_NAME_SIZE];
        FolderFile file;
        RecordWalk walk;
        int r;

        layout_open_name(first_block, name);
        r = folder_adopt(store->folder, name, &file, problem);
        if (r < 0)
                return r;
        walk = (RecordWalk) {
                .disk = store->folder->disk,
                .fd = file.fd,
                .grid = store->grid,
                .origin = record_origin(FILE_SEGMENT, first_block, store->folder->job_digest),
                .offset = FILE_HEADER_SIZE,
                .size = file.end,
        };
        while ((r = record_walk_next(&walk, true)) != 0) {
                if (r > 0)
                        r = store_take_rest(&walk.record, walk.packed, store);
                else if (r == -EBADMSG && record_walk_skip(&walk) > 0) {
                        store->n_damaged++;
                        r = 0;
                }
                if (r < 0)
                        break;
        }
        if (r == -ENODATA || r == -EBADMSG)
                r = 0;
        record_walk_done(&walk);
        folder_file_close(store->folder, &file);
        if (r >= 0)
                r = spool_sync(store->spool, problem);
        if (r < 0)
                return problem_set(problem, r, "Cannot move the blocks of '%s' in the store '%s': %m.", name,
                                   store->folder->path);
        return folder_remove(store->folder, name, problem);
}

/*
 * What stands in the open segment behind the last record that is in its place. Mostly that is nothing, or a torn one.
 * But a damaged record (or a power cut, which may lose the first of two writes and keep the second) must not take with
 * it the sound ones behind it, which were acknowledged: they go to the spool before the file is cut.
 */
static int store_rescue(Store *store, Problem *problem) {
        uint64_t n_damaged;
        int r;

        if (!store->segment)
                return 0;
        r = segment_walk_rest(store->segment, store_take_rest, store, &n_damaged, problem);
        if (r >= 0)
                r = spool_sync(store->spool, problem);
        if (r < 0)
                return r;
        store->n_damaged += n_damaged;
        return segment_cut_rest(store->segment, problem);
}

static int store_load_blocks(Store *store, const FolderListing *listing, Problem *problem) {
        uint64_t next = manifest_end(&store->manifest);
        SegmentPlan plan;
        int r;

        for (size_t i = 0; i < listing->open.n_numbers; i++)
                if (listing->open.numbers[i] == next && next < store->grid->n_blocks) {
                        plan = store_plan_segment(store);
                        r = segment_load(store->folder, store->grid, &plan, &store->segment, problem);
                        if (r < 0)
                                return r;
                        r = interval_set_add(&store->present, next, store_frontier(store));
                        if (r < 0)
                                return problem_set(problem, ENOMEM, "Out of memory.");
                }
        if (listing->spool.n_numbers > 0)
                spool_start_at(store->spool, listing->spool.numbers[listing->spool.n_numbers - 1] + 1);
        for (size_t i = 0; i < listing->spool.n_numbers; i++) {
                r = spool_load(store->spool, listing->spool.numbers[i], &store->present, &store->n_damaged, problem);
                if (r < 0)
                        return r;
        }
        r = store_rescue(store, problem);
        if (r < 0)
                return r;
        for (size_t i = 0; i < listing->open.n_numbers; i++)
                if (!store->segment || listing->open.numbers[i] != next) {
                        r = store_pour_open(store, listing->open.numbers[i], problem);
                        if (r < 0)
                                return r;
                }
        return 0;
}

int store_recover(Store *store, const FolderListing *listing, Problem *problem) {
        int r;

        r = folder_settle(store->folder, problem);
        if (r < 0)
                return r;
        r = store_load_sealed(store, &listing->sealed, problem);
        if (r < 0)
                return r;
        r = store_load_blocks(store, listing, problem);
        if (r < 0)
                return r;
        r = provenance_open(&store->provenance, store->folder, store->journal_size, problem);
        if (r < 0)
                return r;
        for (char **name = listing->unfinished; name && *name; name++) {
                r = folder_remove(store->folder, *name, problem);
                if (r < 0)
                        return r;
        }
        /* A commit of nothing puts everything else in order. */
        return store_commit(store, NULL, problem);
}
