/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* systemd's slices, by its bus. */

#include "limits/slice.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macro.h"
#include "bus/bus.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_INTERFACE "org.freedesktop.systemd1.Manager"

/* A reload runs all generators of the host. */
#define RELOAD_TIMEOUT_USEC (90 * USEC_PER_SEC)

/* The drop-ins that systemd writes for a kind of limit: 50-NAME.conf. */
static const char *const dropins[LIMIT_KINDS][2] = {
        [LIMIT_CPU_QUOTA] = { "CPUQuota" },
        [LIMIT_ALLOWED_CPUS] = { "AllowedCPUs" },
        [LIMIT_CPU_WEIGHT] = { "CPUWeight" },
        [LIMIT_MEMORY_HIGH] = { "MemoryHigh", "MemoryHighScale" },
};

static const char *const slices_of_weight[] = { SLICE_TOP, SLICE_WORKER, NULL };
static const char *const slices_of_others[] = { SLICE_WORKER, NULL };

static const char *const *limit_slices(LimitKind kind) {
        return kind == LIMIT_CPU_WEIGHT ? slices_of_weight : slices_of_others;
}

static int append_limit(sd_bus_message *m, const Limit *limit) {
        uint32_t number32 = (uint32_t) limit->number;
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", limit->property);
        if (r >= 0 && limit->type == 'y') {
                r = sd_bus_message_open_container(m, 'v', "ay");
                if (r >= 0)
                        r = sd_bus_message_append_array(m, 'y', limit->cpus, limit->n_cpus);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        } else if (r >= 0 && limit->type == 'u')
                r = sd_bus_message_append(m, "v", "u", number32);
        else if (r >= 0)
                r = sd_bus_message_append(m, "v", "t", limit->number);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int slice_set_one(sd_bus *bus, const char *slice, const Limit *limit, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "SetUnitProperties");
        if (r >= 0)
                r = sd_bus_message_append(m, "sb", slice, true);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = append_limit(m, limit);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_call(bus, m, 0, error, NULL);
}

static int remove_dropin(const char *control_folder, const char *slice, const char *dropin, Problem *problem) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof path, "%s/%s.d/50-%s.conf", control_folder, slice, dropin);
        if (unlink(path) < 0 && errno != ENOENT)
                return problem_set(problem, errno, "Cannot remove %s: %m", path);
        return 0;
}

int slice_set(sd_bus *bus, LimitKind kind, const Limit *limit, const char *control_folder, Problem *problem) {
        int r;

        for (const char *const *slice = limit_slices(kind); *slice; slice++) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

                r = slice_set_one(bus, *slice, limit, &error);
                if (r < 0)
                        return problem_set(problem, r, "Cannot set %s=%s on %s: %s", limit_kind_name(kind), limit->text,
                                           *slice, bus_error_text(&error, r));
                /* systemd names drop-ins by the property: at its next reload it would read the other one's too. */
                for (size_t i = 0; i < ELEMENTSOF(dropins[kind]) && dropins[kind][i]; i++)
                        if (dropins[kind][1] && strcmp(dropins[kind][i], limit->property) != 0) {
                                r = remove_dropin(control_folder, *slice, dropins[kind][i], problem);
                                if (r < 0)
                                        return r;
                        }
        }
        return 0;
}

int slice_forget(LimitKind kind, const char *control_folder, Problem *problem) {
        int r;

        for (const char *const *slice = limit_slices(kind); *slice; slice++)
                for (size_t i = 0; i < ELEMENTSOF(dropins[kind]) && dropins[kind][i]; i++) {
                        r = remove_dropin(control_folder, *slice, dropins[kind][i], problem);
                        if (r < 0)
                                return r;
                }
        return 0;
}

int slice_reload(sd_bus *bus, Problem *problem) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "Reload");
        if (r >= 0)
                r = sd_bus_call(bus, m, RELOAD_TIMEOUT_USEC, &error, NULL);
        if (r < 0)
                return problem_set(problem, r, "Cannot make systemd read its units again: %s",
                                   bus_error_text(&error, r));
        return 0;
}
