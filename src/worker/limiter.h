/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How many threads this host lets the worker use: min(cores asked, processors it may run on, quota rounded up), and
 * none while the config file says that it must pause. What systemd enforces (quota, processors) is looked up every
 * time, because an admin may change it at any moment.
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
        bool on_battery;
        bool has_pressure;
        unsigned pressure; /* hundredths of a per cent: of what is not ours */
        usec_t now_usec, realtime_usec;
} LimiterFacts;

/* Pressure must have been below half of the limit for so long before work goes on; with the mains back, so long. */
#define LIMITER_CALM_USEC (30 * USEC_PER_SEC)
#define LIMITER_MAINS_USEC (5 * USEC_PER_SEC)

/* `n_threads`: that there are; `threads_max`: by the command line, 0: no such limit. NULL when out of memory. */
Limiter *limiter_new(unsigned n_threads, unsigned threads_max);
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
