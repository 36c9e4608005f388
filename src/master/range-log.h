/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What one worker has done, as ranges for the journal. The blocks of a lane come in ascending order, and those of
 * several lanes mixed; each block prolongs the range that ends where it begins, or begins one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define RANGE_LOG_SLOTS 64 /* as many lanes keep their ranges apart */

typedef struct DoneRange {
        uint64_t job, first, end; /* blocks [first, end) */
        uint64_t n_primes;
        usec_t begin_usec; /* when its first block came */
} DoneRange;

typedef struct RangeLog {
        DoneRange ranges[RANGE_LOG_SLOTS]; /* in the order in which they were begun */
        size_t n_ranges;
} RangeLog;

/* True: another range had to make room for this one, and is in `ret`. */
bool range_log_add(RangeLog *log, uint64_t job, uint64_t sequence, uint64_t n_primes, usec_t now, DoneRange *ret);

/* Takes out a range that was begun at or before `begin_usec`; of one job only, if `job` is not NULL. */
bool range_log_pop(RangeLog *log, const uint64_t *job, usec_t begin_usec, DoneRange *ret);
