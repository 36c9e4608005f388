/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The store: what goes where, and in which order things become durable.
 *
 * Invariants, true after every call and after every crash:
 *
 *   1. The segments hold the blocks [0, frontier), each once, in order. They are sealed but for the last, which may
 *      be open. Behind a hole that a person made there may be further sealed segments ("islands").
 *   2. The spool holds blocks beyond the frontier, never the one at the frontier (unless there is no space to move
 *      it), and none that a segment holds.
 *   3. A spool file is deleted only after the segments that took its blocks were synced.
 *   4. `pending` is what was put since the last commit; a commit hands it out after every file that holds one of
 *      these blocks was synced with success.
 *
 * Which of two ways a block took, straight or through the spool, and when, leaves no trace in the segment files.
 *
 * Lack of space is the one failure that the store lives through. A put that meets it leaves nothing behind. Sealing
 * and moving are only tidying: when they meet it they are left for later, and blocks stay where they are safe.
 */

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/number.h"
#include "store/folder.h"
#include "store/job-file.h"
#include "store/manifest.h"
#include "store/provenance.h"
#include "store/segment.h"
#include "store/spool.h"

struct Store {
        Folder *folder;
        const Grid *grid;
        uint64_t segment_blocks, journal_size;

        StoreKeep keep;
        StoreKeep last_keep; /* of the last sealed segment that was there when it was opened; 0: none was */

        Manifest manifest;    /* sealed segments from block 0 on */
        bool manifest_behind; /* the file knows fewer of them, or others */
        uint64_t sealed_bytes;
        IntervalSet islands;  /* first blocks of sealed segments beyond a hole */
        size_t n_thin;        /* the first so many listed segments have no bitmaps */
        Segment *segment;     /* NULL: the next one is not begun */
        Spool *spool;
        Provenance provenance;

        IntervalSet present, pending;
        bool wants_space;
        uint64_t n_damaged; /* stretches that were passed over when it was opened */

        Packer *packer;
        uint8_t *bitmap; /* one block, unpacked */

        Footer *cached;  /* of the sealed segment that was asked for last; without entries: none yet */
};

DEFINE_TRIVIAL_CLEANUP_FUNC(Store *, store_close);
#define _cleanup_store_ _cleanup_(store_closep)

uint64_t store_frontier(const Store *store) {
        return store->segment ? segment_next_block(store->segment) : manifest_end(&store->manifest);
}

static int store_out_of_memory(Store *store, Problem *problem) {
        return folder_fail(store->folder, -ENOMEM, problem);
}

/* sealed segments */

/* Reads the footer of the sealed segment that begins with `first_block`; also adds the size of the file. */
static int store_read_footer(const Store *store, uint64_t first_block, Footer *ret, uint64_t *ret_size,
                             Problem *problem) {
        const Disk *disk = store->folder->disk;
        FooterPlace place = { store->grid, store->segment_blocks, first_block, store->folder->job_digest };
        char name[LAYOUT_NAME_SIZE];
        struct stat st;
        int fd, r;

        layout_sealed_name(first_block, name);
        fd = disk->open(disk, store->folder->fd, name, O_RDONLY | O_NOFOLLOW, 0);
        if (fd < 0)
                return problem_set(problem, fd, "Cannot open '%s' in the store '%s': %m.", name, store->folder->path);
        if (fstat(fd, &st) < 0)
                r = problem_set(problem, errno, "Cannot read '%s' in the store '%s': %m.", name, store->folder->path);
        else
                r = footer_read(disk, fd, (uint64_t) st.st_size, &place, name, ret, problem);
        (void) disk->close(disk, fd);
        if (r >= 0)
                *ret_size = (uint64_t) st.st_size;
        return r;
}

/* Takes the sealed segment that comes next into the manifest. */
static int store_adopt_sealed(Store *store, Problem *problem) {
        Footer footer;
        uint64_t size;
        int r;

        r = store_read_footer(store, manifest_end(&store->manifest), &footer, &size, problem);
        if (r < 0)
                return folder_fail(store->folder, r, problem);
        r = manifest_append(&store->manifest, &footer);
        footer_done(&footer);
        if (r < 0)
                return store_out_of_memory(store, problem);
        store->manifest_behind = true;
        return 0;
}

static int store_write_manifest(Store *store, Problem *problem) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r;

        if (!store->manifest_behind)
                return 0;
        if (manifest_encode(&store->manifest, store->folder->job_digest, &data, &size) < 0)
                return store_out_of_memory(store, problem);
        r = folder_publish(store->folder, LAYOUT_MANIFEST, data, size, NULL, problem);
        if (r >= 0)
                store->manifest_behind = false;
        return r;
}

/* moving on */

static int store_seal(Store *store, Problem *problem) {
        int r;

        r = segment_seal(store->segment, problem);
        if (r < 0)
                return r;
        if (manifest_append(&store->manifest, segment_footer(store->segment)) < 0)
                return store_out_of_memory(store, problem);
        store->sealed_bytes += segment_bytes(store->segment);
        store->segment = segment_free(store->segment);
        store->manifest_behind = true;
        return 0;
}

/* Seals a full segment; takes in the islands that the frontier has reached. */
static int store_roll(Store *store, Problem *problem) {
        int r;

        if (store->segment && segment_is_full(store->segment)) {
                r = store_seal(store, problem);
                if (r < 0)
                        return r;
        }
        while (!store->segment && interval_set_contains(&store->islands, manifest_end(&store->manifest))) {
                r = store_adopt_sealed(store, problem);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What the segment at the frontier is to be like: no further than the next border, nor into an island. */
static SegmentPlan store_plan_segment(const Store *store) {
        uint64_t first = manifest_end(&store->manifest);
        SegmentPlan plan = { first, layout_segment_end(first, store->segment_blocks, store->grid->n_blocks) };
        Interval island;

        if (interval_set_next(&store->islands, first, &island))
                plan.end_block = MIN(plan.end_block, island.first);
        return plan;
}

/* The open segment has room for the block at the frontier afterwards. */
static int store_ready_segment(Store *store, Problem *problem) {
        SegmentPlan plan;
        int r;

        r = store_roll(store, problem);
        if (r < 0 || store->segment)
                return r;
        plan = store_plan_segment(store);
        return segment_create(store->folder, store->grid, &plan, &store->segment, problem);
}

/* Moves what the frontier has reached out of the spool, seals what is full. */
static int store_advance(Store *store, Problem *problem) {
        const uint8_t *packed;
        const Record *found;
        Record record;
        int r;

        for (;;) {
                r = store_roll(store, problem);
                if (r < 0)
                        return r;
                found = spool_find(store->spool, store_frontier(store));
                if (!found)
                        return 0;
                record = *found;
                r = store_ready_segment(store, problem);
                if (r < 0)
                        return r;
                r = spool_read(store->spool, record.sequence, &packed, problem);
                if (r < 0)
                        return r;
                r = segment_append(store->segment, &record, packed, problem);
                if (r < 0)
                        return r;
                spool_drop(store->spool, record.sequence);
        }
}

static int store_sweep(Store *store, Problem *problem) {
        return spool_sweep(store->spool, problem);
}

/* Does one of the above where lack of space only means later, and leaves `problem` alone then. */
static int store_tidy(Store *store, int (*step)(Store *store, Problem *problem), Problem *problem) {
        Problem own = PROBLEM_NONE;
        int r;

        r = step(store, &own);
        if (r >= 0)
                return 0;
        if (folder_failure_is_soft(store->folder, r)) {
                store->wants_space = true;
                return 0;
        }
        r = problem_set(problem, r, "%s", own.text);
        return folder_fail(store->folder, r, problem);
}

/* opening */

/* What was kept of the blocks that came last: that is what a user means who does not say it again. */
static StoreKeep store_kept(const Store *store) {
        const Footer *footer = store->segment ? segment_footer(store->segment) : NULL;

        if (!footer || footer->n_blocks == 0)
                return store->last_keep ?: STORE_KEEP_FULL;
        return footer_last_keep(footer);
}

static int store_open_job(Store *store, bool exists, Problem *problem) {
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

/* A sealed file that was exchanged for another one, intact in itself. */
static int store_check_entry(const Footer *footer, const ManifestEntry *entry, Problem *problem) {
        char name[LAYOUT_NAME_SIZE];

        if (memcmp(footer->digest, entry->digest, sizeof entry->digest) == 0)
                return 0;
        layout_sealed_name(footer->first_block, name);
        return problem_set(problem, EBADMSG, "The segment '%s' is not the one that the manifest tells of: bring the "
                           "old file back, or move it away and its blocks are computed again.", name);
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

static int store_recover(Store *store, const FolderListing *listing, Problem *problem) {
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

int store_open(const Disk *disk, const char *path, const Grid *grid, const StoreOptions *options, Store **ret,
               Problem *problem) {
        _cleanup_store_ Store *store = NULL;
        FolderListing listing;
        int r;

        if (options->segment_blocks > STORE_SEGMENT_BLOCKS_MAX)
                return problem_set(problem, EINVAL, "A segment has at most %u blocks, not %" PRIu64 ".",
                                   STORE_SEGMENT_BLOCKS_MAX, options->segment_blocks);
        store = malloc(sizeof *store);
        if (!store)
                return problem_set(problem, ENOMEM, "Out of memory.");
        *store = (Store) {
                .grid = grid,
                .keep = options->keep,
                .journal_size = options->journal_size ?: STORE_JOURNAL_SIZE_DEFAULT,
                .manifest = MANIFEST_EMPTY,
        };
        store->segment_blocks = options->segment_blocks ?:
                store_segment_blocks_for(grid, STORE_SEGMENT_SIZE_DEFAULT, store->keep);

        r = folder_open(disk, path, &store->folder, problem);
        if (r < 0)
                return r;
        store->spool = spool_new(store->folder, grid);
        store->packer = packer_new();
        store->bitmap = malloc((size_t) (grid->block_length / 30));
        store->cached = calloc(1, sizeof *store->cached);
        if (!store->spool || !store->packer || !store->bitmap || !store->cached)
                return problem_set(problem, ENOMEM, "Out of memory.");

        r = folder_list(store->folder->fd, &listing);
        if (r < 0)
                return problem_set(problem, r, "Cannot read the folder '%s': %m.", path);
        r = store_open_job(store, listing.has_job, problem);
        if (r >= 0)
                r = store_recover(store, &listing, problem);
        folder_listing_done(&listing);
        if (r < 0)
                return r;
        store_set_keep(store, options->keep ?: store_kept(store));
        *ret = TAKE_PTR(store);
        return 0;
}

Store *store_close(Store *store) {
        if (!store)
                return NULL;
        segment_free(store->segment);
        spool_free(store->spool);
        provenance_close(&store->provenance);
        manifest_done(&store->manifest);
        if (store->cached)
                footer_done(store->cached);
        free(store->cached);
        interval_set_done(&store->islands);
        interval_set_done(&store->present);
        interval_set_done(&store->pending);
        packer_free(store->packer);
        free(store->bitmap);
        folder_close(store->folder); /* and with it the lock, last */
        free(store);
        return NULL;
}

/* putting */

/* The record of a block, after a look at its bitmap. */
static int store_describe(Store *store, const StoreBlock *block, Record *ret, Problem *problem) {
        const uint8_t *bitmap = block->bitmap;
        const char *wrong = NULL;
        BlockShape shape;
        Record record;
        int r;

        block_shape(store->grid, block->sequence, &shape);
        if (block->packed_size == 0 || block->packed_size > pack_bound(shape.n_bytes) ||
            !pack_codec_name(block->codec) || !certainty_name(block->certainty))
                return problem_set(problem, EBADMSG, "Block %" PRIu64 " has an impossible size, codec or certainty.",
                                   block->sequence);
        record = (Record) {
                .sequence = block->sequence,
                .codec = block->codec,
                .certainty = block->certainty,
                .packed_size = (uint32_t) block->packed_size,
                .packed_checksum = checksum_xxh3(block->packed, block->packed_size),
        };
        memcpy(record.digest, block->digest, SHA256_SIZE);
        if (store->keep == STORE_KEEP_DIGEST) {
                record.codec = PACK_RAW;
                record.packed_size = 0;
                record.packed_checksum = checksum_xxh3(NULL, 0);
        }

        if (!bitmap) {
                uint8_t digest[SHA256_SIZE];
                _cleanup_mpz_ mpz_t start;
                GridBlock cell;

                mpz_init(start);
                grid_block(store->grid, block->sequence, start, &cell);
                r = pack_unpack(store->packer, block->codec, start, block->packed, block->packed_size, store->bitmap,
                                shape.n_bytes);
                if (r < 0)
                        return problem_set(problem, EBADMSG, "Block %" PRIu64 " does not unpack: %s.",
                                           block->sequence, strerror(-r));
                bitmap = store->bitmap;
                checksum_sha256(bitmap, shape.n_bytes, digest);
                if (memcmp(digest, block->digest, SHA256_SIZE) != 0)
                        wrong = "another digest";
        }
        if (!facts_of_block(store->grid, block->sequence, bitmap, &record.facts))
                wrong = "numbers outside of the job";
        else if (record.facts.count != block->count)
                wrong = "another count";
        if (wrong)
                return problem_set(problem, EBADMSG, "Block %" PRIu64 " has a wrong bitmap: %s.", block->sequence,
                                   wrong);
        *ret = record;
        return 0;
}

int store_put(Store *store, const StoreBlock *block, Problem *problem) {
        Record record;
        int r;

        r = folder_check(store->folder, problem);
        if (r < 0)
                return r;
        if (block->sequence >= store->grid->n_blocks)
                return problem_set(problem, ERANGE, "Block %" PRIu64 " is behind the end of the job.", block->sequence);
        if (interval_set_contains(&store->present, block->sequence))
                return -EALREADY;
        r = store_describe(store, block, &record, problem);
        if (r < 0)
                return r;

        if (block->sequence == store_frontier(store)) {
                r = store_ready_segment(store, problem);
                if (r >= 0)
                        r = segment_append(store->segment, &record, block->packed, problem);
        } else
                r = spool_put(store->spool, &record, block->packed, problem);
        if (r < 0)
                return r;
        if (interval_set_add(&store->present, block->sequence, block->sequence + 1) < 0 ||
            interval_set_add(&store->pending, block->sequence, block->sequence + 1) < 0)
                return store_out_of_memory(store, problem);
        return store_tidy(store, store_advance, problem);
}

int store_put_provenance(Store *store, const StoreProvenance *provenance, Problem *problem) {
        ProvenanceEntry entry = {
                .first = provenance->first,
                .end = provenance->end,
                .realtime_usec = provenance->realtime_usec,
        };

        if (provenance->first >= provenance->end)
                return problem_set(problem, EINVAL, "Provenance of no blocks.");
        memcpy(entry.worker_id, provenance->worker_id, SHA256_SIZE);
        (void) snprintf(entry.worker_name, sizeof entry.worker_name, "%s", provenance->worker_name ?: "");
        (void) snprintf(entry.check, sizeof entry.check, "%s", provenance->check ?: "");
        return provenance_append(&store->provenance, &entry, problem);
}

int store_commit(Store *store, IntervalSet *durable, Problem *problem) {
        Interval interval;
        int r;

        r = folder_check(store->folder, problem);
        if (r < 0)
                return r;
        store->wants_space = false;
        r = store_tidy(store, store_advance, problem);
        if (r < 0)
                return r;
        if (store->segment) {
                r = segment_sync(store->segment, problem);
                if (r < 0)
                        return r;
        }
        r = spool_sync(store->spool, problem);
        if (r < 0)
                return r;
        r = provenance_sync(&store->provenance, problem);
        if (r < 0)
                return r;
        r = store_tidy(store, store_write_manifest, problem);
        if (r < 0)
                return r;
        r = store_tidy(store, store_sweep, problem);
        if (r < 0)
                return r;
        r = provenance_compact(&store->provenance, problem);
        if (r < 0)
                return r;

        for (uint64_t from = 0; durable && interval_set_next(&store->pending, from, &interval); from = interval.end)
                if (interval_set_add(durable, interval.first, interval.end) < 0)
                        return store_out_of_memory(store, problem);
        interval_set_done(&store->pending);
        return 0;
}

void store_set_keep(Store *store, StoreKeep keep) {
        store->keep = keep;
}

int store_rotate(Store *store, IntervalSet *durable, Problem *problem) {
        int r;

        r = store_commit(store, durable, problem);
        if (r < 0 || !store->segment || segment_footer(store->segment)->n_blocks == 0)
                return r;
        r = store_seal(store, problem);
        if (r < 0)
                return r;
        r = store_roll(store, problem); /* what was full only because of an island behind it */
        return r < 0 ? r : store_write_manifest(store, problem);
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

/* queries */

const IntervalSet *store_present(const Store *store) {
        return &store->present;
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

static int store_sealed_has_digest(const Store *store, uint64_t sequence, const uint8_t digest[static SHA256_SIZE]) {
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

int store_has_digest(const Store *store, uint64_t sequence, const uint8_t digest[static SHA256_SIZE]) {
        const Record *record;
        const Footer *footer;

        if (!interval_set_contains(&store->present, sequence))
                return -ENOENT;
        record = spool_find(store->spool, sequence);
        if (record)
                return memcmp(record->digest, digest, SHA256_SIZE) == 0;
        footer = store->segment ? segment_footer(store->segment) : NULL;
        if (footer && sequence >= footer->first_block && sequence < segment_next_block(store->segment))
                return memcmp(footer->entries[sequence - footer->first_block].digest, digest, BLOCK_DIGEST_SIZE) == 0;
        return store_sealed_has_digest(store, sequence, digest);
}

void store_totals(const Store *store, StoreTotals *ret) {
        *ret = (StoreTotals) {
                .n_blocks = store_frontier(store),
                .n_primes = manifest_primes(&store->manifest),
                .spool_blocks = spool_n_blocks(store->spool),
                .spool_primes = spool_n_primes(store->spool),
                .segment_bytes = store->sealed_bytes,
                .spool_bytes = spool_bytes(store->spool),
                .n_segments = store->manifest.n_entries,
        };
        if (store->segment) {
                ret->n_primes += segment_footer(store->segment)->facts.count;
                ret->segment_bytes += segment_bytes(store->segment);
        }
}

uint64_t store_segment_blocks(const Store *store) {
        return store->segment_blocks;
}

uint64_t store_n_damaged(const Store *store) {
        return store->n_damaged;
}

bool store_wants_space(const Store *store) {
        return store->wants_space;
}
