/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel's folder of power supplies, read file by file. */

#include "worker/power.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

#define ATTRIBUTE_MAX 256

/* Whether the first line of the attribute is `value`. */
static bool attribute_is(const char *folder, const char *device, const char *attribute, const char *value) {
        char path[PATH_MAX];
        _cleanup_free_ char *text = NULL;

        if ((size_t) snprintf(path, sizeof path, "%s/%s/%s", folder, device, attribute) >= sizeof path ||
            file_read_virtual(path, ATTRIBUTE_MAX, &text) < 0)
                return false;
        text[strcspn(text, "\n")] = '\0';
        return strcmp(text, value) == 0;
}

bool power_is_battery(const char *folder) {
        bool mains = false, drained = false;
        DIR *dir = opendir(folder);

        if (!dir)
                return false;
        for (struct dirent *entry; (entry = readdir(dir));) {
                const char *device = entry->d_name;

                if (device[0] == '.' || attribute_is(folder, device, "scope", "Device"))
                        continue;
                if (attribute_is(folder, device, "type", "Battery"))
                        drained = drained || attribute_is(folder, device, "status", "Discharging");
                else if (attribute_is(folder, device, "type", "Mains") || attribute_is(folder, device, "type", "USB"))
                        mains = mains || attribute_is(folder, device, "online", "1");
        }
        (void) closedir(dir);
        return drained && !mains;
}
