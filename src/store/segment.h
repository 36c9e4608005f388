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

/*
 * Makes the file. 0, and the caller gives `*ret` to segment_free(); -ENOMEM or a failure of the folder. Folder and grid
 * must outlive the segment.
 */
int segment_create(Folder *folder, const Grid *grid, uint64_t segment_blocks, uint64_t number, Segment **ret,
                   Problem *problem);

/*
 * Opens the file after a restart; cuts what stands behind the last intact record. As segment_create(); also -EBADMSG,
 * -EPROTONOSUPPORT or -EEXIST as file_header_check(), and errors of reading.
 */
int segment_load(Folder *folder, const Grid *grid, uint64_t segment_blocks, uint64_t number, Segment **ret,
                 Problem *problem);

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
 * Footer, sync, rename, sync of the directory. Wants a full segment. 0 or a failure of the folder, as segment_append();
 * after success only queries and segment_free() are allowed.
 */
int segment_seal(Segment *segment, Problem *problem);

/* queries; the footer is the segment's, has no digest before it is sealed, and grows with each block */
const Footer *segment_footer(const Segment *segment);
uint64_t segment_next_block(const Segment *segment);
uint64_t segment_bytes(const Segment *segment); /* of the file */
bool segment_is_full(const Segment *segment);
