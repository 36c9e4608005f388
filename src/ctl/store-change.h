/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Changes to a store that is there: a new file is begun, the primes of old ones are taken out. One that nobody has open
 * is changed here, as the user who owns it; of one that the master of this host has open, the master is asked.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct StoreChange {
        bool rotate; /* ends the open segment, */
        bool vacuum; /* then takes bitmaps from the oldest ended ones until the store has at most `target_bytes` */
        uint64_t target_bytes;
        const char *action; /* completes "Failed to …" */
} StoreChange;

typedef struct StoreChanged {
        uint64_t n_ended;  /* segments that were sealed */
        uint64_t n_thinned;
        uint64_t n_bytes;  /* that this freed */
        uint64_t n_beyond; /* blocks in files behind a hole, which keep what they have until it is filled */
} StoreChanged;

/* The job of the master on this host whose store this is. NULL: none, or no master answers. The caller frees. */
char *store_change_job_of(const char *path);

/* `path` as from store_verb_path(). Exit status; it logs what is wrong. `ret` says what was done in any case. */
int store_change_run(const char *path, const StoreChange *change, StoreChanged *ret);
