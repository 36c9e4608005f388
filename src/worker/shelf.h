/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finished blocks that one master has not acknowledged yet, in the order in which they were finished. They outlive
 * a connection: when the same master announces the same job again, it is offered them, by their place in the grid.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/crew.h"

typedef struct Shelf {
        CrewResult *first, *last;
        size_t n_blocks;
        size_t n_bytes; /* packed */
} Shelf;

#define SHELF_EMPTY ((Shelf) {})

/* Frees all blocks. */
void shelf_done(Shelf *shelf);

/* Takes the block. */
void shelf_add(Shelf *shelf, CrewResult *block);

/* The connection is gone: everything is to be sent again. */
void shelf_rewind(Shelf *shelf);

/* Blocks [first, end) of the job are acknowledged. Returns the bytes of packed blocks that were freed. */
size_t shelf_acknowledge(Shelf *shelf, uint64_t job, uint64_t first, uint64_t end);

/*
 * The master announces a job, maybe anew: the blocks of the job with the same id get the reference to it, so that there
 * is one CrewJob per job. If that one has another grid now, its blocks are of no use and dropped. Returns the bytes of
 * packed blocks that were freed.
 */
size_t shelf_adopt(Shelf *shelf, CrewJob *job);
