/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the crash tests have the store do: a job of 64 blocks in three segments, the last one shorter, whose blocks
 * arrive out of order, so that the spool is used, with commits and provenance in between. A set of blocks is one
 * integer. The provenance journal is small enough to be compacted now and then.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/random.h"
#include "store/fixture.h"
#include "store/store.h"

enum { WORKLOAD_BLOCKS = 64, WORKLOAD_SEGMENT_BLOCKS = 22, WORKLOAD_JOURNAL_SIZE = 600, WORKLOAD_STRETCH = 8 };
#define WORKLOAD_ALL UINT64_MAX

typedef struct Workload {
        Grid grid;
        FixtureBlock blocks[WORKLOAD_BLOCKS];
        StoreKeep keep;
} Workload;

/* `from` says how large a block is: fixture.h. */
void workload_init(Workload *workload, const char *from, StoreKeep keep);
void workload_done(Workload *workload);

/* As store_open(). */
int workload_open(const Workload *workload, const Disk *disk, const char *path, Store **ret, Problem *problem);

/* As store_put(). */
int workload_put(const Workload *workload, Store *store, uint64_t sequence, Problem *problem);
int workload_put_provenance(Store *store, uint64_t first, Problem *problem);
int workload_commit(Store *store, uint64_t *acknowledged, Problem *problem); /* adds to `acknowledged` */

/* More or less out of order: from blocks that change places with a neighbour to a full shuffle. */
void workload_draw_order(Random *random, uint64_t order[static WORKLOAD_BLOCKS]);

uint64_t workload_present(const Store *store);

/*
 * NULL, or what is wrong with an open store: a block of `acknowledged` is missing, one is there that is not in `put`,
 * one is counted twice, or has not the contents that were put.
 */
const char *workload_find_fault(const Workload *workload, const Store *store, uint64_t acknowledged, uint64_t put);

/* Puts what is missing and commits. 0, or the first failure. */
int workload_finish(const Workload *workload, Store *store, Problem *problem);

/* NULL, or what is wrong with a finished store that is closed: other bytes than `reference`, leftovers, not intact. */
const char *workload_find_difference(const char *reference, const char *path);

/* A folder with a store to which nothing happened. */
const char *workload_make_reference(const Workload *workload);
