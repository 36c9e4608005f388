/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The worker's config file and its drop-ins, read and watched: when one of them is saved, replaced, added or removed,
 * they are read again. A mistake keeps what was in force before.
 */

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "settings/settings.h"

#define CONFIG_WATCH_SETTLE_USEC (200 * USEC_PER_MSEC) /* editors write in several steps */

typedef struct ConfigWatch ConfigWatch;

/* From the event loop, when what the next two functions return has changed. */
typedef void (*ConfigWatchChanged)(void *userdata);

/* Reads the files once; a mistake in them is no failure. 0 or negative errno. */
int config_watch_new(sd_event *event, const char *path, ConfigWatchChanged on_changed, void *userdata,
                     ConfigWatch **ret);
ConfigWatch *config_watch_free(ConfigWatch *watch);

/* Reads the files now. Calls on_changed() if that makes a difference. */
void config_watch_reload(ConfigWatch *watch);

/* What is in force: NULL as long as the files have never been without a mistake. */
const WorkerConfig *config_watch_config(const ConfigWatch *watch);

/* What is wrong with the files now, one sentence; "" if nothing is. */
const char *config_watch_fault(const ConfigWatch *watch);

DEFINE_TRIVIAL_CLEANUP_FUNC(ConfigWatch *, config_watch_free);
