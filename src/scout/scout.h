/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The scout: finds masters by mDNS and in worker.conf, connects to them, and hands each connection to the worker. It
 * is the only process of a worker host that opens connections, and never sends or reads a byte on them. It is always
 * there, so it is small and sleeps.
 */

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/problem.h"
#include "scout/candidate-set.h"
#include "scout/scout-status.h"
#include "settings/settings.h"

typedef struct Scout Scout;

typedef struct ScoutSettings {
        const char *config_path;   /* worker.conf; its drop-ins are in `config_path`.d */
        const char *worker_socket; /* primed-limits' file "limits" is in the same folder */
} ScoutSettings;

/* Copies the settings, reads the config and begins to look for masters. 0 or negative errno with a sentence. */
int scout_new(sd_event *event, const ScoutSettings *settings, Scout **ret, Problem *problem);
Scout *scout_free(Scout *scout);

/* Reads the config again. A broken one leaves the last good one in force. */
void scout_reload(Scout *scout);

/* What scout-bus.h shows. */
const char *scout_host_name(const Scout *scout);
const WorkerConfig *scout_config(const Scout *scout); /* NULL: never was a good one */
const CandidateSet *scout_candidates(const Scout *scout);
usec_t scout_next_try(const Scout *scout, const Candidate *candidate); /* USEC_INFINITY: none is planned */
void scout_describe(Scout *scout, ScoutStatus *ret_status, ScoutFacts *ret_facts);

/* The system bus is there (NULL: is gone, together with all that hangs on it). */
void scout_on_bus(Scout *scout, sd_bus *bus);

DEFINE_TRIVIAL_CLEANUP_FUNC(Scout *, scout_free);
