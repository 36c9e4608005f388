/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Repair of a store: what verification finds damaged is put aside under another name, and the store is brought into
 * order without it. Nothing is deleted but what recovery after a crash would cut as well. Where a segment was, there
 * is a hole then, which whoever works at the job next fills first.
 */

#include <stdint.h>

#include "base/problem.h"
#include "store/verify.h"

typedef struct RepairReport {
        uint64_t n_faults;
        uint64_t n_quarantined; /* files that were put aside */
        uint64_t n_passed_over; /* damaged places in files that are not sealed: what stands around them stays */
        uint64_t n_present;     /* blocks that the store has afterwards */
        uint64_t n_hole_blocks; /* that it has not, before the last one that it has */
} RepairReport;

typedef struct RepairOptions {
        VerifyOptions verify; /* on_fault is told of each fault before anything is changed */
        /* Called for each file that gets another name. May be NULL. */
        void (*on_quarantine)(const char *name, const char *to, void *userdata);
        void *userdata;
} RepairOptions;

/*
 * 0: the store is in order now, see `ret`. -EBUSY: another process has it open; -EBADMSG: the file `job` is damaged,
 * without which nothing can be said, or a file cannot be mended by putting it aside; errors of verify_store() and
 * store_open(). Always with a sentence.
 */
int repair_store(const char *path, const RepairOptions *options, RepairReport *ret, Problem *problem);
