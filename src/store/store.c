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
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "prime/number.h"
#include "store/store-state.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(Store *, store_close);
#define _cleanup_store_ _cleanup_(store_closep)

uint64_t store_frontier(const Store *store) {
        return store->segment ? segment_next_block(store->segment) : manifest_end(&store->manifest);
}

int store_out_of_memory(Store *store, Problem *problem) {
        return folder_fail(store->folder, -ENOMEM, problem);
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

SegmentPlan store_plan_segment(const Store *store) {
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

/* queries */

const IntervalSet *store_present(const Store *store) {
        return &store->present;
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
                ret->open_bytes = segment_bytes(store->segment);
                ret->segment_bytes += ret->open_bytes;
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
