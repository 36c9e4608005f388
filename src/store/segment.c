/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The open segment. Its bytes depend on the job and the blocks alone: nothing else may ever be written into it. */

#include "store/segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macro.h"

struct Segment {
        Folder *folder;
        const Grid *grid;
        FolderFile file;
        RecordOrigin origin;
        Footer footer;      /* of the blocks so far */
        SegmentPlan plan;
        uint64_t n_bytes;   /* of the sealed file */
        uint64_t n_found;   /* bytes of the file when it was loaded, until the rest is cut */
        uint8_t *scratch;   /* one record, header and packed bytes */
        size_t n_scratch;
};

DEFINE_TRIVIAL_CLEANUP_FUNC(Segment *, segment_free);
#define _cleanup_segment_ _cleanup_(segment_freep)

static Segment *segment_new(Folder *folder, const Grid *grid, const SegmentPlan *plan) {
        Segment *segment;

        segment = malloc(sizeof *segment);
        if (!segment)
                return NULL;
        *segment = (Segment) {
                .folder = folder,
                .grid = grid,
                .file = FOLDER_FILE_CLOSED,
                .origin = record_origin(FILE_SEGMENT, plan->first_block, folder->job_digest),
                .footer = { .first_block = plan->first_block },
                .plan = *plan,
        };
        segment->footer.entries = calloc((size_t) (plan->end_block - plan->first_block),
                                         sizeof *segment->footer.entries);
        return segment->footer.entries ? segment : segment_free(segment);
}

Segment *segment_free(Segment *segment) {
        if (!segment)
                return NULL;
        folder_file_close(segment->folder, &segment->file);
        footer_done(&segment->footer);
        free(segment->scratch);
        free(segment);
        return NULL;
}

int segment_create(Folder *folder, const Grid *grid, const SegmentPlan *plan, Segment **ret, Problem *problem) {
        _cleanup_segment_ Segment *segment = NULL;
        uint8_t header[FILE_HEADER_SIZE];
        char name[LAYOUT_NAME_SIZE];
        int r;

        segment = segment_new(folder, grid, plan);
        if (!segment)
                return problem_set(problem, ENOMEM, "Out of memory.");
        layout_open_name(plan->first_block, name);
        file_header_encode(FILE_SEGMENT, plan->first_block, folder->job_digest, header);
        r = folder_publish(folder, name, header, sizeof header, &segment->file, problem);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(segment);
        return 0;
}

int segment_load(Folder *folder, const Grid *grid, const SegmentPlan *plan, Segment **ret, Problem *problem) {
        _cleanup_segment_ Segment *segment = NULL;
        uint8_t header[FILE_HEADER_SIZE];
        char name[LAYOUT_NAME_SIZE];
        RecordWalk walk;
        uint64_t end;
        ssize_t n;
        int r = 0;

        segment = segment_new(folder, grid, plan);
        if (!segment)
                return problem_set(problem, ENOMEM, "Out of memory.");
        layout_open_name(plan->first_block, name);
        r = folder_adopt(folder, name, &segment->file, problem);
        if (r < 0)
                return r;
        n = folder_read(folder, &segment->file, header, sizeof header, 0);
        if (n < 0)
                return problem_set(problem, (int) n, "Cannot read '%s' in the store '%s': %m.", name, folder->path);
        /* The file got its name after its header was on the disk, so a bad header is no crash. */
        r = file_header_check(header, (size_t) n, FILE_SEGMENT, plan->first_block, folder->job_digest, name,
                              problem);
        if (r < 0)
                return r;

        walk = (RecordWalk) {
                .disk = folder->disk,
                .fd = segment->file.fd,
                .grid = grid,
                .origin = segment->origin,
                .offset = FILE_HEADER_SIZE,
                .size = segment->file.end,
        };
        end = FILE_HEADER_SIZE;
        while (!segment_is_full(segment)) {
                r = record_walk_next(&walk, true);
                if (r <= 0 || walk.record.sequence != segment_next_block(segment))
                        break;
                footer_add(&segment->footer, &walk.record, walk.record_offset, grid->block_length);
                end = walk.offset;
        }
        record_walk_done(&walk);
        if (r < 0 && r != -ENODATA && r != -EBADMSG)
                return problem_set(problem, r, "Cannot read '%s' in the store '%s': %m.", name, folder->path);
        segment->n_found = segment->file.end;
        segment->file.end = end;
        *ret = TAKE_PTR(segment);
        return 0;
}

int segment_walk_rest(Segment *segment, SegmentTake *take, void *userdata, uint64_t *ret_n_damaged, Problem *problem) {
        RecordWalk walk = {
                .disk = segment->folder->disk,
                .fd = segment->file.fd,
                .grid = segment->grid,
                .origin = segment->origin,
                .offset = segment->file.end,
                .size = segment->n_found,
        };
        uint64_t n_damaged = 0;
        int r;

        while ((r = record_walk_next(&walk, true)) != 0) {
                if (r > 0)
                        r = take(&walk.record, walk.packed, userdata);
                else if (r == -EBADMSG) {
                        r = record_walk_skip(&walk);
                        n_damaged += r > 0;
                        if (r == 0)
                                break;
                }
                if (r < 0)
                        break;
        }
        record_walk_done(&walk);
        *ret_n_damaged = n_damaged;
        if (r == -ENODATA) /* torn, as a crash leaves it */
                return 0;
        return r < 0 ? problem_set(problem, r, "Cannot read '%s' in the store '%s': %m.", segment->file.name,
                                   segment->folder->path) : 0;
}

int segment_cut_rest(Segment *segment, Problem *problem) {
        uint64_t n_found = segment->n_found;

        segment->n_found = 0;
        if (n_found <= segment->file.end)
                return 0;
        return folder_cut(segment->folder, &segment->file, segment->file.end, problem);
}

int segment_append(Segment *segment, const Record *record, const uint8_t *packed, Problem *problem) {
        size_t size = RECORD_HEADER_SIZE + record->packed_size;
        uint64_t offset = segment->file.end;
        int r;

        if (size > segment->n_scratch) {
                uint8_t *grown = realloc(segment->scratch, size);

                if (!grown)
                        return folder_fail(segment->folder, -ENOMEM, problem);
                segment->scratch = grown;
                segment->n_scratch = size;
        }
        record_encode_header(record, &segment->origin, segment->scratch);
        if (record->packed_size > 0)
                memcpy(segment->scratch + RECORD_HEADER_SIZE, packed, record->packed_size);
        r = folder_append(segment->folder, &segment->file, segment->scratch, size, problem);
        if (r < 0)
                return r;
        footer_add(&segment->footer, record, offset, segment->grid->block_length);
        return 0;
}

int segment_sync(Segment *segment, Problem *problem) {
        return folder_sync(segment->folder, &segment->file, problem);
}

/* The footer goes behind the records, then the file gets its other name. */
static int segment_seal_full(Segment *segment, Problem *problem) {
        size_t size = footer_size(segment->footer.n_blocks, STORE_KEEP_FULL);
        char from[LAYOUT_NAME_SIZE], to[LAYOUT_NAME_SIZE];
        _cleanup_free_ uint8_t *data = malloc(size);
        uint64_t end = segment->file.end;
        int r;

        if (!data)
                return folder_fail(segment->folder, -ENOMEM, problem);
        footer_encode(&segment->footer, data);
        r = folder_append(segment->folder, &segment->file, data, size, problem);
        if (r < 0)
                return r;
        r = segment_sync(segment, problem);
        if (r < 0)
                return r;
        layout_open_name(segment->footer.first_block, from);
        layout_sealed_name(segment->footer.first_block, to);
        r = folder_rename(segment->folder, from, to, problem);
        if (r < 0 && folder_failure_is_soft(segment->folder, r)) {
                int k = folder_cut(segment->folder, &segment->file, end, problem);

                return k < 0 ? k : r;
        }
        segment->n_bytes = segment->file.end;
        return r;
}

/* A header and the footer, under the sealed name. */
static int thin_publish(Folder *folder, const Footer *footer, Problem *problem) {
        size_t size = FILE_HEADER_SIZE + footer_size(footer->n_blocks, STORE_KEEP_DIGEST);
        _cleanup_free_ uint8_t *data = malloc(size);
        char name[LAYOUT_NAME_SIZE];

        if (!data)
                return folder_fail(folder, -ENOMEM, problem);
        file_header_encode(FILE_SEGMENT, footer->first_block, folder->job_digest, data);
        footer_encode(footer, data + FILE_HEADER_SIZE);
        layout_sealed_name(footer->first_block, name);
        return folder_publish(folder, name, data, size, NULL, problem);
}

/*
 * Once the sealed file has its name the open one is no more than waste: what comes of removing it, now or after the
 * next start, does not matter.
 */
static int segment_seal_thin(Segment *segment, Problem *problem) {
        char name[LAYOUT_NAME_SIZE];
        int r;

        r = thin_publish(segment->folder, &segment->footer, problem);
        if (r < 0)
                return r;
        folder_file_close(segment->folder, &segment->file);
        segment->n_bytes = FILE_HEADER_SIZE + footer_size(segment->footer.n_blocks, STORE_KEEP_DIGEST);
        layout_open_name(segment->footer.first_block, name);
        r = folder_remove(segment->folder, name, problem);
        return r < 0 && !folder_failure_is_soft(segment->folder, r) ? r : 0;
}

int segment_seal(Segment *segment, Problem *problem) {
        Footer *footer = &segment->footer;

        if (footer_digest(footer, footer->digest) < 0)
                return folder_fail(segment->folder, -ENOMEM, problem);
        return footer->keep == STORE_KEEP_DIGEST ? segment_seal_thin(segment, problem)
                                                 : segment_seal_full(segment, problem);
}

int segment_thin(Folder *folder, Footer *footer, Problem *problem) {
        StoreKeep kept = footer->keep;
        int r;

        footer->keep = STORE_KEEP_DIGEST;
        r = thin_publish(folder, footer, problem);
        if (r < 0)
                footer->keep = kept;
        return r;
}

const Footer *segment_footer(const Segment *segment) {
        return &segment->footer;
}

uint64_t segment_next_block(const Segment *segment) {
        return segment->footer.first_block + segment->footer.n_blocks;
}

uint64_t segment_bytes(const Segment *segment) {
        return segment->n_bytes > 0 ? segment->n_bytes : segment->file.end;
}

bool segment_is_full(const Segment *segment) {
        return segment_next_block(segment) == segment->plan.end_block;
}
