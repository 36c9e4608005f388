/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How many threads this host lets the worker use: min(cores asked, processors it may run on, quota rounded up), and
 * none while the config file says that it must pause. What systemd enforces (quota, processors, memory) is looked up
 * every time, because an admin may change it at any moment.
 *
 * And how much memory the sieve may use: LIMITER_MEMORY_DEFAULT, or LIMITER_MEMORY_SHARE of what was set (`memory` in
 * the config file, --memory=); but never more than that share of the control groups' limit, nor than a quarter of the
 * machine's, or half of it where a size was set. The rest of a limit is for finished blocks and for the packers.
 */

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "settings/settings.h"
#include "worker/allowance.h"

typedef struct Limiter Limiter;

/* What there is to know about the host at one moment. */
typedef struct LimiterFacts {
        unsigned processors;     /* that this process may run on */
        unsigned quota_permille; /* of one processor; 0: no quota */
        uint64_t memory_physical; /* bytes; 0: unknown */
        uint64_t memory_limit;    /* of the control groups; 0: none */
        bool on_battery;
        bool has_pressure;
        unsigned pressure; /* hundredths of a per cent: of what is not ours */
        usec_t now_usec, realtime_usec;
} LimiterFacts;

/* Pressure must have been below half of the limit for so long before work goes on; with the mains back, so long. */
#define LIMITER_CALM_USEC (30 * USEC_PER_SEC)
#define LIMITER_MAINS_USEC (5 * USEC_PER_SEC)

#define LIMITER_MEMORY_DEFAULT (UINT64_C(170) << 20)
#define LIMITER_MEMORY_MIN (UINT64_C(8) << 20)
#define LIMITER_MEMORY_SHARE(limit) ((limit) / 8 * 5)

/*
 * `n_threads`: that there are; `threads_max`, `memory_max` (bytes): by the command line, 0: no such limit. NULL when
 * out of memory.
 */
Limiter *limiter_new(unsigned n_threads, unsigned threads_max, uint64_t memory_max);
Limiter *limiter_free(Limiter *limiter);

/* Looks at this host; only at what `config` (or NULL) makes matter. `root` as for base/control-group.h. */
void limiter_look(const char *root, const WorkerConfig *config, LimiterFacts *ret);

/*
 * `config` is NULL if there is none; then `fault`, if not NULL, says what is wrong with the file, and nothing is
 * computed until that is mended.
 */
void limiter_decide(Limiter *limiter, const WorkerConfig *config, const char *fault, const LimiterFacts *facts,
                    Allowance *ret);

DEFINE_TRIVIAL_CLEANUP_FUNC(Limiter *, limiter_free);
