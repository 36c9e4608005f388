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

/* Where it begins, and where it must end. */
typedef struct SegmentPlan {
        uint64_t first_block, end_block;
} SegmentPlan;

/*
 * Makes the file. 0, and the caller gives `*ret` to segment_free(); -ENOMEM or a failure of the folder. Folder and grid
 * must outlive the segment.
 */
int segment_create(Folder *folder, const Grid *grid, const SegmentPlan *plan, Segment **ret, Problem *problem);

/*
 * Opens the file after a restart. What stands behind the last record that is intact and in its place is left for
 * segment_walk_rest() and segment_cut_rest(). As segment_create(); also -EBADMSG,
 * -EEXIST as file_header_check(), and errors of reading.
 */
int segment_load(Folder *folder, const Grid *grid, const SegmentPlan *plan, Segment **ret, Problem *problem);

/*
 * Of a segment that was loaded: calls `take` for each whole record behind its end, those that a damaged one cut off
 * from it. `ret_n_damaged`: how many stretches of the file are none. 0, errors of reading, or what `take` returned
 * when that is negative.
 */
typedef int SegmentTake(const Record *record, const uint8_t *packed, void *userdata);
int segment_walk_rest(Segment *segment, SegmentTake *take, void *userdata, uint64_t *ret_n_damaged, Problem *problem);

/* Cuts what stands behind its end; before anything is appended. 0 or a failure of the folder. */
int segment_cut_rest(Segment *segment, Problem *problem);

/* Closes without syncing. Accepts NULL, returns NULL. */
Segment *segment_free(Segment *segment);

/*
 * `record->sequence` must be segment_next_block(); the segment must not be full. Copies what it is given. 0 or a
 * failure of the folder, soft or hard (lack of memory is a hard one); then the segment is as it was.
 */
int segment_append(Segment *segment, const Record *record, const uint8_t *packed, Problem *problem);

/* 0 or a failure of the folder, always a hard one. */
int segment_sync(Segment *segment, Problem *problem);

/*
 * Gives it its footer and its other name; wants a segment with at least one block. Where digests are kept, or a block
 * has no bitmap, a file without records takes its place. 0 or a failure of the folder, as segment_append(); after
 * success only queries and segment_free() are allowed.
 */
int segment_seal(Segment *segment, Problem *problem);

/*
 * Makes a sealed segment, of which `footer` was read, one without bitmaps: a file that is put in the place of the
 * other, whole or not at all. Sets `footer->keep`. 0 or a failure of the folder, soft or hard.
 */
int segment_thin(Folder *folder, Footer *footer, Problem *problem);

/* queries; the footer is the segment's, has no digest before it is sealed, and grows with each block */
const Footer *segment_footer(const Segment *segment);
uint64_t segment_next_block(const Segment *segment);
uint64_t segment_bytes(const Segment *segment); /* of the file; once it is sealed, of the sealed one */
bool segment_is_full(const Segment *segment);
