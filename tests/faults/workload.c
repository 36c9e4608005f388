/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The workload. Every store_open() of the crash tests is here. */

#include "faults/workload.h"

#include <errno.h>

#include "base/macro.h"
#include "store/verify.h"
#include "test.h"

void workload_init(Workload *workload, const char *from, StoreKeep keep) {
        workload->keep = keep;
        fixture_grid(&workload->grid, from, WORKLOAD_BLOCKS);
        for (uint64_t i = 0; i < WORKLOAD_BLOCKS; i++) {
                FixtureBlock *block = workload->blocks + i;

                fixture_block(&workload->grid, i, block);
                block->block.bitmap = block->bitmap;
        }
}

void workload_done(Workload *workload) {
        for (uint64_t i = 0; i < WORKLOAD_BLOCKS; i++)
                fixture_block_done(workload->blocks + i);
        grid_done(&workload->grid);
}

int workload_open(const Workload *workload, const Disk *disk, const char *path, Store **ret, Problem *problem) {
        const StoreOptions options = { .segment_blocks = WORKLOAD_SEGMENT_BLOCKS, .keep = workload->keep,
                                       .journal_size = WORKLOAD_JOURNAL_SIZE };

        return store_open(disk, path, &workload->grid, &options, ret, problem);
}

int workload_put(const Workload *workload, Store *store, uint64_t sequence, Problem *problem) {
        return store_put(store, &workload->blocks[sequence].block, problem);
}

int workload_put_provenance(Store *store, uint64_t first, Problem *problem) {
        const StoreProvenance provenance = {
                .first = first - first % WORKLOAD_STRETCH, /* of several entries that can be merged */
                .end = first + 1,
                .worker_id = { 7 },
                .worker_name = "worker",
                .realtime_usec = UINT64_C(1800000000000000) + first,
                .check = "unaudited",
        };

        return store_put_provenance(store, &provenance, problem);
}

static uint64_t mask_of(const IntervalSet *set) {
        uint64_t mask = 0;
        Interval interval;

        for (uint64_t from = 0; interval_set_next(set, from, &interval); from = interval.end)
                for (uint64_t i = interval.first; i < interval.end; i++)
                        mask |= UINT64_C(1) << i;
        return mask;
}

int workload_commit(Store *store, uint64_t *acknowledged, Problem *problem) {
        IntervalSet durable = INTERVAL_SET_EMPTY;
        int r;

        r = store_commit(store, &durable, problem);
        *acknowledged |= mask_of(&durable);
        interval_set_done(&durable);
        return r;
}

void workload_draw_order(Random *random, uint64_t order[static WORKLOAD_BLOCKS]) {
        static const uint64_t windows[] = { 1, 3, 8, 24, WORKLOAD_BLOCKS };
        uint64_t window = windows[random_below(random, ELEMENTSOF(windows))];

        for (uint64_t i = 0; i < WORKLOAD_BLOCKS; i++)
                order[i] = i;
        /* Each window is shuffled; they overlap by a half. */
        for (uint64_t i = 0; i < WORKLOAD_BLOCKS; i += MAX(window / 2, 1U))
                fixture_shuffle(order + i, (size_t) MIN(window, WORKLOAD_BLOCKS - i), random);
}

uint64_t workload_present(const Store *store) {
        return mask_of(store_present(store));
}

const char *workload_find_fault(const Workload *workload, const Store *store, uint64_t acknowledged, uint64_t put) {
        uint64_t present = workload_present(store), n_blocks = 0, n_primes = 0;
        StoreTotals totals;

        if (acknowledged & ~present)
                return "an acknowledged block is lost";
        if (present & ~put)
                return "a block is there that was never put";
        for (uint64_t i = 0; i < WORKLOAD_BLOCKS; i++) {
                const StoreBlock *block = &workload->blocks[i].block;

                if (!(present >> i & 1))
                        continue;
                n_blocks++;
                n_primes += block->count;
                if (store_has_digest(store, i, block->digest) != 1)
                        return "a block is not what was put";
        }
        store_totals(store, &totals);
        if (totals.n_blocks + totals.spool_blocks != n_blocks || totals.n_primes + totals.spool_primes != n_primes)
                return "a block is counted twice";
        return NULL;
}

int workload_finish(const Workload *workload, Store *store, Problem *problem) {
        StoreVacuum vacuum;
        int r;

        for (uint64_t i = 0; i < WORKLOAD_BLOCKS; i++) {
                r = workload_put(workload, store, i, problem);
                if (r < 0 && r != -EALREADY)
                        return r;
        }
        r = store_commit(store, NULL, problem);
        if (r >= 0 && workload->keep == STORE_KEEP_DIGEST)
                r = store_vacuum(store, 0, UINT64_MAX, &vacuum, problem);
        return r;
}

const char *workload_find_difference(const char *reference, const char *path) {
        Problem problem = PROBLEM_NONE;
        VerifyReport report;
        VerifyFault fault;

        if (!fixture_same(reference, path))
                return "the finished store differs from an undisturbed one";
        if (fixture_count(path, "spool") + fixture_count(path, ".new") + fixture_count(path, ".open") > 0)
                return "files are left over";
        if (verify_store(path, NULL, &report, &fault, &problem) < 0) {
                printf("# %s\n", problem.text);
                return "the finished store is not intact";
        }
        return report.complete ? NULL : "the finished store is not complete";
}

const char *workload_make_reference(const Workload *workload) {
        const char *folder = fixture_folder();
        Problem problem = PROBLEM_NONE;
        Store *store;

        CHECK(workload_open(workload, &disk_system, folder, &store, &problem) == 0);
        CHECK(workload_finish(workload, store, &problem) == 0);
        store_close(store);
        CHECK_STRING(workload_find_difference(folder, folder) ?: "", "");
        return folder;
}
