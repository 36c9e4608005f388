/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The open segment: a header and records with consecutive sequence numbers. What its footer will say is kept up
 * to date in memory; after a restart it is found again from the record headers.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "prime/grid.h"
#include "store/folder.h"
#include "store/footer.h"
#include "store/record.h"

typedef struct Segment Segment;

/* Makes the file. `grid` must outlive the segment. */
int segment_create(Folder *folder, const Grid *grid, uint64_t segment_blocks, uint64_t number, Segment **ret,
                   Problem *problem);

/* Opens the file after a restart; cuts what stands behind the last intact record. */
int segment_load(Folder *folder, const Grid *grid, uint64_t segment_blocks, uint64_t number, Segment **ret,
                 Problem *problem);

/* Closes without syncing. */
Segment *segment_free(Segment *segment);

/* `record->sequence` must be segment_next_block(). */
int segment_append(Segment *segment, const Record *record, const uint8_t *packed, Problem *problem);

int segment_sync(Segment *segment, Problem *problem);

/*
 * Footer, sync, rename, sync of the directory. Wants a full segment. After a soft failure the segment is as it was;
 * after success only queries and segment_free() are allowed.
 */
int segment_seal(Segment *segment, Problem *problem);

const Footer *segment_footer(const Segment *segment); /* without digest before it is sealed */
uint64_t segment_next_block(const Segment *segment);
uint64_t segment_bytes(const Segment *segment);
bool segment_is_full(const Segment *segment);
