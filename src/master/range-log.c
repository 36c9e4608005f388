/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A short row, searched from its start. */

#include "master/range-log.h"

#include <string.h>

static void range_log_take(RangeLog *log, size_t index, DoneRange *ret) {
        *ret = log->ranges[index];
        memmove(log->ranges + index, log->ranges + index + 1, (--log->n_ranges - index) * sizeof *log->ranges);
}

bool range_log_add(RangeLog *log, uint64_t job, uint64_t sequence, uint64_t n_primes, usec_t now, DoneRange *ret) {
        bool displaced = false;

        for (size_t i = 0; i < log->n_ranges; i++)
                if (log->ranges[i].job == job && log->ranges[i].end == sequence) {
                        log->ranges[i].end++;
                        log->ranges[i].n_primes += n_primes;
                        return false;
                }
        if (log->n_ranges == RANGE_LOG_SLOTS) {
                range_log_take(log, 0, ret);
                displaced = true;
        }
        log->ranges[log->n_ranges++] = (DoneRange) {
                .job = job,
                .first = sequence,
                .end = sequence + 1,
                .n_primes = n_primes,
                .begin_usec = now,
        };
        return displaced;
}

bool range_log_pop(RangeLog *log, const uint64_t *job, usec_t begin_usec, DoneRange *ret) {
        for (size_t i = 0; i < log->n_ranges && log->ranges[i].begin_usec <= begin_usec; i++)
                if (!job || log->ranges[i].job == *job) {
                        range_log_take(log, i, ret);
                        return true;
                }
        return false;
}
