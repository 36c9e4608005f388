/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * /proc/self/cgroup names the group in each hierarchy: "0::PATH" in version 2, "N:cpu,cpuacct:PATH" in version 1.
 * Where both are mounted (hybrid), the controller is in version 1 and the pressure files are in version 2.
 */

#include "base/control-group.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"

#define SMALL_FILE_MAX 4096
#define CGROUP_FILE_MAX 65536
#define MOUNT "/sys/fs/cgroup"
#define MEMORY_UNLIMITED (UINT64_C(1) << 62)

/* Reads `root` + `path`; the caller frees. NULL: it cannot be read. */
static char *read_text(const char *root, const char *path, size_t size_max) {
        char full[PATH_MAX], *text;

        if ((size_t) snprintf(full, sizeof full, "%s%s", root, path) >= sizeof full ||
            file_read_virtual(full, size_max, &text) < 0)
                return NULL;
        return text;
}

/* Keeps the lesser quota. Nonsense is no quota. */
static void take_quota(int64_t quota_usec, int64_t period_usec, unsigned *permille) {
        uint64_t value;

        if (quota_usec <= 0 || period_usec <= 0 || quota_usec > INT64_MAX / 2000)
                return;
        value = ((uint64_t) quota_usec * 1000 + (uint64_t) period_usec - 1) / (uint64_t) period_usec;
        if (value < *permille)
                *permille = (unsigned) value;
}

/* "150000 100000", or "max 100000" without a quota. */
static void read_quota_v2(const char *root, const char *folder, void *permille) {
        char path[PATH_MAX];
        _cleanup_free_ char *text = NULL;
        int64_t quota, period;

        (void) snprintf(path, sizeof path, "%s/cpu.max", folder);
        text = read_text(root, path, SMALL_FILE_MAX);
        if (text && sscanf(text, "%" SCNd64 " %" SCNd64, &quota, &period) == 2)
                take_quota(quota, period, permille);
}

/* -1 in the first file without a quota. */
static void read_quota_v1(const char *root, const char *folder, void *permille) {
        char path[PATH_MAX];
        _cleanup_free_ char *quota_text = NULL, *period_text = NULL;
        int64_t quota, period;

        (void) snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
        quota_text = read_text(root, path, SMALL_FILE_MAX);
        (void) snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
        period_text = read_text(root, path, SMALL_FILE_MAX);
        if (quota_text && period_text && sscanf(quota_text, "%" SCNd64, &quota) == 1 &&
            sscanf(period_text, "%" SCNd64, &period) == 1)
                take_quota(quota, period, permille);
}

/* Keeps the lesser limit. "max" is none, and so is the largest number of pages that version 1 can count. */
static void take_limit(const char *root, const char *folder, const char *name, uint64_t *least) {
        char path[PATH_MAX];
        _cleanup_free_ char *text = NULL;
        uint64_t value;

        (void) snprintf(path, sizeof path, "%s/%s", folder, name);
        text = read_text(root, path, SMALL_FILE_MAX);
        if (text && sscanf(text, "%" SCNu64, &value) == 1 && value < MEMORY_UNLIMITED)
                *least = MIN(*least, value);
}

static void read_memory_v2(const char *root, const char *folder, void *least) {
        take_limit(root, folder, "memory.high", least);
        take_limit(root, folder, "memory.max", least);
}

static void read_memory_v1(const char *root, const char *folder, void *least) {
        take_limit(root, folder, "memory.limit_in_bytes", least);
        take_limit(root, folder, "memory.soft_limit_in_bytes", least);
}

typedef void ReadGroup(const char *root, const char *folder, void *value);

/* The group `group` of the hierarchy mounted at `mount`, and all above it. */
static void read_groups(const char *root, const char *mount, const char *group, ReadGroup *read_one, void *value) {
        char folder[PATH_MAX / 2];
        size_t mount_size = strlen(mount);

        /* Outside of what our namespace shows ("/../…"): only the top is known. */
        if (strstr(group, "/.."))
                group = "";
        if ((size_t) snprintf(folder, sizeof folder, "%s%s", mount, group) >= sizeof folder)
                return;
        for (;;) {
                char *slash = strrchr(folder + mount_size, '/');

                read_one(root, folder, value);
                if (!slash)
                        break;
                *slash = '\0';
        }
}

/* Whether `list`, of `size` bytes, "cpu,cpuacct" say, has the controller. */
static bool has_controller(const char *list, size_t size, const char *controller) {
        while (size > 0) {
                const char *comma = memchr(list, ',', size);
                size_t n = comma ? (size_t) (comma - list) : size;

                if (n == strlen(controller) && memcmp(list, controller, n) == 0)
                        return true;
                list += MIN(n + 1, size);
                size -= MIN(n + 1, size);
        }
        return false;
}

/* A controller, and where version 1 mounts it. */
typedef struct Controller {
        const char *name, *mounts[2];
        ReadGroup *read_v2, *read_v1;
} Controller;

/* Reads the group of this process, and all above it, in the hierarchies that have the controller. */
static void read_controller(const char *root, const Controller *controller, void *value) {
        _cleanup_free_ char *text = read_text(root, "/proc/self/cgroup", CGROUP_FILE_MAX);
        char *rest = text;

        for (char *line; rest && (line = strsep(&rest, "\n"));) {
                char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;

                if (!group)
                        continue;
                controllers++;
                if (group == controllers) {
                        read_groups(root, MOUNT, group + 1, controller->read_v2, value);
                        read_groups(root, MOUNT "/unified", group + 1, controller->read_v2, value);
                } else if (has_controller(controllers, (size_t) (group - controllers), controller->name))
                        for (size_t i = 0; i < ELEMENTSOF(controller->mounts) && controller->mounts[i]; i++)
                                read_groups(root, controller->mounts[i], group + 1, controller->read_v1, value);
        }
}

int control_group_cpu_quota(const char *root, unsigned *ret_permille) {
        static const Controller cpu = { "cpu", { MOUNT "/cpu,cpuacct", MOUNT "/cpu" }, read_quota_v2, read_quota_v1 };
        unsigned permille = UINT_MAX;

        read_controller(root, &cpu, &permille);
        if (permille == UINT_MAX)
                return 0;
        *ret_permille = permille;
        return 1;
}

int control_group_memory_limit(const char *root, uint64_t *ret_bytes) {
        static const Controller memory = { "memory", { MOUNT "/memory" }, read_memory_v2, read_memory_v1 };
        uint64_t least = UINT64_MAX;

        read_controller(root, &memory, &least);
        if (least == UINT64_MAX)
                return 0;
        *ret_bytes = least;
        return 1;
}

int control_group_cpu_pressure(const char *root, const char *slice, unsigned *ret) {
        static const char *const mounts[] = { MOUNT, MOUNT "/unified" };

        for (size_t i = 0; i < ELEMENTSOF(mounts); i++) {
                char path[PATH_MAX];
                _cleanup_free_ char *text = NULL;
                unsigned whole, hundredths;

                (void) snprintf(path, sizeof path, "%s/%s/cpu.pressure", mounts[i], slice);
                text = read_text(root, path, SMALL_FILE_MAX);
                if (!text)
                        continue;
                if (sscanf(text, "some avg10=%3u.%2u", &whole, &hundredths) != 2)
                        return -EBADMSG;
                *ret = 100 * whole + hundredths;
                return 0;
        }
        return -ENOENT;
}
