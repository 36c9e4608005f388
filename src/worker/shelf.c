/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Blocks kept until they are acknowledged: a singly linked list, short because the crew pauses at its bound. */

#include "worker/shelf.h"

void shelf_done(Shelf *shelf) {
        for (CrewResult *block; (block = shelf->first);) {
                shelf->first = block->next;
                crew_result_free(block);
        }
        *shelf = SHELF_EMPTY;
}

void shelf_add(Shelf *shelf, CrewResult *block) {
        block->next = NULL;
        if (shelf->last)
                shelf->last->next = block;
        else
                shelf->first = block;
        shelf->last = block;
        block->sent = false;
        shelf->n_blocks++;
        shelf->n_bytes += block->packed_size;
}

void shelf_rewind(Shelf *shelf) {
        for (CrewResult *block = shelf->first; block; block = block->next)
                block->sent = false;
}

/* Takes the block, which stands behind `previous`, out and frees it. Returns its size. */
static size_t shelf_drop(Shelf *shelf, CrewResult *previous, CrewResult *block) {
        size_t n_bytes = block->packed_size;

        if (previous)
                previous->next = block->next;
        else
                shelf->first = block->next;
        if (shelf->last == block)
                shelf->last = previous;
        shelf->n_blocks--;
        shelf->n_bytes -= n_bytes;
        crew_result_free(block);
        return n_bytes;
}

size_t shelf_acknowledge(Shelf *shelf, uint64_t job, uint64_t first, uint64_t end) {
        CrewResult *previous = NULL;
        size_t n_bytes = 0;

        for (CrewResult *block = shelf->first, *next; block; block = next) {
                next = block->next;
                if (crew_job_id(block->job) == job && block->sequence >= first && block->sequence < end)
                        n_bytes += shelf_drop(shelf, previous, block);
                else
                        previous = block;
        }
        return n_bytes;
}

size_t shelf_adopt(Shelf *shelf, CrewJob *job) {
        CrewResult *previous = NULL;
        size_t n_bytes = 0;

        for (CrewResult *block = shelf->first, *next; block; block = next) {
                bool same = crew_job_id(block->job) == crew_job_id(job);

                next = block->next;
                if (same && !grid_equal(crew_job_grid(block->job), crew_job_grid(job))) {
                        n_bytes += shelf_drop(shelf, previous, block);
                        continue;
                }
                if (same && block->job != job) {
                        crew_job_unref(block->job);
                        block->job = crew_job_ref(job);
                }
                previous = block;
        }
        return n_bytes;
}
