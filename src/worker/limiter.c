/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Facts in, allowance out. The only memory is since when there has been no reason to pause: what flickers must not
 * start and stop all threads, each of which would lose its sieve.
 */

#include "worker/limiter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/control-group.h"
#include "base/processor.h"
#include "base/text.h"
#include "worker/power.h"

#define POWER_FOLDER "/sys/class/power_supply"

/* A reason to pause that is gone only after a while. */
typedef struct Brake {
        bool on;
        usec_t calm_usec; /* since when there has been no reason; USEC_INFINITY: there is one now */
} Brake;

struct Limiter {
        unsigned n_threads, threads_max;
        uint64_t memory_max;
        Brake battery, pressure;
};

Limiter *limiter_new(unsigned n_threads, unsigned threads_max, uint64_t memory_max) {
        Limiter *limiter = calloc(1, sizeof *limiter);

        if (limiter)
                *limiter = (Limiter) { .n_threads = n_threads, .threads_max = threads_max, .memory_max = memory_max };
        return limiter;
}

Limiter *limiter_free(Limiter *limiter) {
        free(limiter);
        return NULL;
}

void limiter_look(const char *root, const WorkerConfig *config, LimiterFacts *ret) {
        static const char *const slices[] = { "system.slice", "user.slice" };
        LimiterFacts facts = { .processors = processors_usable(),
                               .memory_physical = memory_physical(),
                               .now_usec = clock_now_usec(),
                               .realtime_usec = clock_realtime_usec() };
        char folder[4096];

        if (control_group_cpu_quota(root, &facts.quota_permille) <= 0)
                facts.quota_permille = 0;
        if (control_group_memory_limit(root, &facts.memory_limit) <= 0)
                facts.memory_limit = 0;
        if (config && config->pause_on_battery) {
                (void) snprintf(folder, sizeof folder, "%s%s", root, POWER_FOLDER);
                facts.on_battery = power_is_battery(folder);
        }
        for (size_t i = 0; config && config->pause_cpu_pressure > 0 && i < ELEMENTSOF(slices); i++) {
                unsigned pressure;

                if (control_group_cpu_pressure(root, slices[i], &pressure) < 0)
                        continue;
                facts.has_pressure = true;
                facts.pressure = MAX(facts.pressure, pressure);
        }
        *ret = facts;
}

/* `hit`: there is a reason now; `calm`: there is clearly none. Returns whether to pause. */
static bool brake_update(Brake *brake, bool hit, bool calm, usec_t hold_usec, usec_t now) {
        if (hit)
                *brake = (Brake) { .on = true, .calm_usec = USEC_INFINITY };
        else if (!calm)
                brake->calm_usec = USEC_INFINITY;
        else if (brake->calm_usec == USEC_INFINITY)
                brake->calm_usec = now;
        if (brake->on && brake->calm_usec != USEC_INFINITY && now >= brake->calm_usec + hold_usec)
                brake->on = false;
        return brake->on;
}

static unsigned quota_threads(unsigned permille) {
        return permille / 1000 + (permille % 1000 > 0);
}

/* The processors of the config file that this machine has. */
static unsigned count_processors(const WorkerConfig *config, unsigned n_processors) {
        unsigned n = 0;

        for (unsigned i = 0; i < n_processors && i / 8 < config->allowed_cpus_size; i++)
                n += config->allowed_cpus[i / 8] >> i % 8 & 1;
        return n;
}

/* Takes `n` threads if that is fewer; `note` says why. */
static void allowance_lower(Allowance *allowance, unsigned n, const char *note) {
        if (n >= allowance->threads_allowed)
                return;
        allowance->threads_allowed = MAX(n, 1U);
        (void) snprintf(allowance->note, sizeof allowance->note, "%s", note);
}

static void allow_threads(const Limiter *limiter, const WorkerConfig *config, const LimiterFacts *facts,
                          Allowance *ret) {
        unsigned quota = facts->quota_permille;
        char note[128];

        *ret = (Allowance) { .threads_allowed = limiter->n_threads };
        if (limiter->threads_max > 0)
                allowance_lower(ret, limiter->threads_max, "--threads=");
        else {
                (void) snprintf(note, sizeof note, "may run on %u of %u processors", facts->processors,
                                limiter->n_threads);
                allowance_lower(ret, facts->processors, note);
        }
        if (config && config->allowed_cpus)
                allowance_lower(ret, count_processors(config, limiter->n_threads), "allowed_cpus in worker.conf");
        if (config && config->cores > 0)
                allowance_lower(ret, config->cores, "cores in worker.conf");
        if (config && config->cpu_quota > 0 && (quota == 0 || 10 * config->cpu_quota < quota))
                quota = 10 * config->cpu_quota;
        if (quota > 0 && (limiter->threads_max == 0 || config)) {
                (void) snprintf(note, sizeof note, "CPU quota of %u%%", quota / 10);
                allowance_lower(ret, quota_threads(quota), note);
        }
}

static uint64_t allow_memory(const Limiter *limiter, const WorkerConfig *config, const LimiterFacts *facts) {
        uint64_t set = limiter->memory_max, most;

        if (config && config->memory_bytes > 0)
                set = config->memory_bytes;
        else if (config && config->memory_percent > 0)
                set = facts->memory_physical / 100 * config->memory_percent;
        most = set > 0 ? LIMITER_MEMORY_SHARE(set) : LIMITER_MEMORY_DEFAULT;
        if (facts->memory_physical > 0)
                most = MIN(most, facts->memory_physical / (set > 0 ? 2 : 4));
        if (facts->memory_limit > 0)
                most = MIN(most, LIMITER_MEMORY_SHARE(facts->memory_limit));
        return CLAMP(most, LIMITER_MEMORY_MIN, (uint64_t) SIZE_MAX);
}

void limiter_decide(Limiter *limiter, const WorkerConfig *config, const char *fault, const LimiterFacts *facts,
                    Allowance *ret) {
        unsigned limit = config ? 100 * config->pause_cpu_pressure : 0;
        bool battery, pressure;

        allow_threads(limiter, config, facts, ret);
        battery = brake_update(&limiter->battery, facts->on_battery, true, LIMITER_MAINS_USEC, facts->now_usec);
        pressure = brake_update(&limiter->pressure, limit > 0 && facts->has_pressure && facts->pressure >= limit,
                                facts->pressure < limit / 2, LIMITER_CALM_USEC, facts->now_usec);
        /* A condition that is not asked for any more is over at once. */
        battery = battery && config && config->pause_on_battery;
        pressure = pressure && limit > 0;

        ret->memory_bytes = allow_memory(limiter, config, facts);
        ret->threads_now = 0;
        if (!config && fault)
                (void) snprintf(ret->note, sizeof ret->note, "%.*s", (int) sizeof ret->note - 1, fault);
        else if (battery)
                (void) snprintf(ret->note, sizeof ret->note, "on battery");
        else if (config && settings_in_windows(config->pause_windows, config->n_pause_windows, facts->realtime_usec))
                (void) snprintf(ret->note, sizeof ret->note, "pause.during in worker.conf");
        else if (pressure)
                (void) snprintf(ret->note, sizeof ret->note, "other programs need the processors");
        else
                ret->threads_now = ret->threads_allowed;
}
