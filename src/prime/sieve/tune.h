/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Measures a machine: the sizes that make the sieve fast on it, and what things cost there (profile.h). */

#include "prime/sieve/profile.h"
#include "prime/sieve/run.h"

typedef struct TuneMachine {
        /*
         * Nanoseconds of CPU time that the threads have used, all together; that of the whole process will do. CPU
         * time, because other programs on the machine do not count then, but for what they do to caches.
         */
        uint64_t (*cpu_nsec)(void *userdata);
        void *userdata;
        const SieveTeam *team;     /* all threads that the machine will sieve with; NULL: the caller alone */
        const atomic_bool *cancel; /* when it reads true, -ECANCELED; may be NULL */
        size_t memory_max;         /* bytes that all of it keeps to; 0: SIEVE_MEMORY_DEFAULT */
        size_t window_bytes;       /* of bitmap, for each thread, at most; 0: TUNE_WINDOW_BYTES. Less is worse. */
} TuneMachine;

#define TUNE_WINDOW_BYTES ((size_t) 8 << 20) /* more than the caches of one core hold */

/*
 * Takes about ten seconds on a fast core, and half a minute on a very slow one, where less is measured. Each figure is
 * the best of several, so that short disturbances do no harm. Returns 0, -ECANCELED, -ENOMEM, or -EIO: the clock does
 * not run.
 */
int tune_measure(const TuneMachine *machine, SieveProfile *ret);

/* Only the sizes. */
int tune_sizes(const TuneMachine *machine, SieveTuning *ret);

/* Only the costs, with these sizes. */
int tune_costs(const TuneMachine *machine, const SieveTuning *tuning, SieveCosts *ret);
