/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* systemd's view of the daemons, for hints when one of them does not answer. */

#include "ctl/unit-state.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"

/* One call with the unit's name that answers with one string or path. NULL: no answer. */
static char *ask(sd_bus *bus, const char *method, const char *type, const char *unit) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        const char *answer = NULL;
        char *copy = NULL;

        if (sd_bus_call_method(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, method, &error, &reply, "s",
                               unit) >= 0 &&
            sd_bus_message_read(reply, type, &answer) >= 0)
                (void) asprintf(&copy, "%s", answer);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        return copy;
}

void unit_state_read(sd_bus *bus, const char *enabled, const char *running, UnitState *ret) {
        _cleanup_free_ char *file = NULL, *path = NULL, *active = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;

        *ret = (UnitState) {};
        file = ask(bus, "GetUnitFileState", "s", enabled);
        if (!file)
                return;
        (void) snprintf(ret->file, sizeof ret->file, "%s", file);
        path = ask(bus, "LoadUnit", "o", running);
        if (path && sd_bus_get_property_string(bus, SYSTEMD_NAME, path, "org.freedesktop.systemd1.Unit", "ActiveState",
                                               &error, &active) >= 0)
                (void) snprintf(ret->active, sizeof ret->active, "%s", active);
        sd_bus_error_free(&error);
}
