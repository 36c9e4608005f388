/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

typedef struct UnitState {
        char file[32];   /* "enabled", "disabled", "masked" …; "" when there is no such unit, or no systemd */
        char active[32]; /* "active", "inactive", "failed" …; "" unknown */
} UnitState;

/*
 * What systemd says: whether `enabled` ("primed-worker.service") is to be started at boot, and what `running`, which
 * may be another unit that comes and goes with it, does. Never fails: what cannot be learnt is empty.
 */
void unit_state_read(sd_bus *bus, const char *enabled, const char *running, UnitState *ret);
