/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A disk that goes wrong, to stand in for the real one. It passes what succeeds on to the real file system (without
 * really syncing, which is what makes it fast), so the store's own reading works as ever.
 */

#include <stdbool.h>
#include <stdint.h>

#include "store/disk.h"

/* Fails chosen calls. */
typedef struct FaultyDisk {
        Disk disk;                    /* give &this to the store */
        uint64_t n_calls;             /* that could have failed, so far; reads and closes do not count */
        uint64_t fail_first, fail_end; /* calls [first, end) fail, counted from 1 */
        int error;                    /* as negative errno */
        bool writes_only;             /* only calls that need space */
        bool torn;                    /* a write that fails has written its first half */
        uint64_t size, available;     /* bytes that it seems to have; size 0: those that it has */
        uint64_t n_looks;             /* how often that was asked */
        uint64_t n_failed;
        uint64_t n_syncs_after_failure; /* on a descriptor whose sync had failed: must stay 0 */
        bool sync_failed[1024];       /* by descriptor */
} FaultyDisk;

/* The other switches are off, and may be set afterwards. */
void faulty_disk_init(FaultyDisk *faulty, int error, uint64_t fail_first, uint64_t fail_end);
