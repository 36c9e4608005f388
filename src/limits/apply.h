/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* One run of primed-limits: from worker.conf to the slices. */

typedef struct ApplySettings {
        const char *config_path;
        const char *state_path;
        const char *control_folder; /* SLICE_CONTROL_FOLDER */
        const char *cgroup_folder;  /* /sys/fs/cgroup */
} ApplySettings;

/*
 * Sets what the config asks for, reverts what this function set earlier and the config asks for no longer, touches
 * nothing else. With a broken config it changes nothing. Waits for another run to end. Tells what it did, as an event.
 *
 * 0, or negative errno (told). `starting`: a broken config is no failure as long as an earlier one is in force.
 */
int limits_apply(const ApplySettings *settings, bool starting);
