/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* org.primed.Worker1 on the system bus (bus/names.h). A bus that is not there, or goes away, is looked for again. */

#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "scout/scout.h"

typedef struct ScoutBus ScoutBus;

/* Tells the scout of the bus by scout_on_bus(), from the event loop. 0 or negative errno. */
int scout_bus_new(sd_event *event, Scout *scout, ScoutBus **ret);
ScoutBus *scout_bus_free(ScoutBus *bus); /* tells nobody */

/* `state` is a constant, as in ScoutStatus. */
void scout_bus_set_state(ScoutBus *bus, const char *state);

DEFINE_TRIVIAL_CLEANUP_FUNC(ScoutBus *, scout_bus_free);
