/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* worker.conf's limits in systemd's terms. */

#include "limits/limit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"

#define CONTROLLERS_SIZE_MAX 4096

static const char *const names[LIMIT_KINDS] = {
        [LIMIT_CPU_QUOTA] = "CPUQuota",
        [LIMIT_ALLOWED_CPUS] = "AllowedCPUs",
        [LIMIT_CPU_WEIGHT] = "CPUWeight",
        [LIMIT_MEMORY_HIGH] = "MemoryHigh",
};

const char *limit_kind_name(LimitKind kind) {
        return names[kind];
}

int limit_kind_from_name(const char *name) {
        for (int kind = 0; kind < LIMIT_KINDS; kind++)
                if (strcmp(names[kind], name) == 0)
                        return kind;
        return -EINVAL;
}

/* Exact, with the largest unit that divides it. */
static void write_bytes(uint64_t bytes, char ret[static LIMIT_TEXT_MAX]) {
        static const char units[] = "\0KMGT";
        unsigned unit = 0;

        while (unit < 4 && bytes > 0 && bytes % 1024 == 0) {
                bytes /= 1024;
                unit++;
        }
        (void) snprintf(ret, LIMIT_TEXT_MAX, "%" PRIu64 "%.1s", bytes, units + unit);
}

static void limit_from_memory(const WorkerConfig *config, Limit *limit) {
        if (config->memory_bytes > 0) {
                *limit = (Limit) { .asked = true, .property = "MemoryHigh", .type = 't' };
                limit->number = config->memory_bytes;
                write_bytes(config->memory_bytes, limit->text);
        } else if (config->memory_percent > 0) {
                /* Parts of 2^32 - 1, rounded as systemctl does it. */
                *limit = (Limit) { .asked = true, .property = "MemoryHighScale", .type = 'u' };
                limit->number = ((uint64_t) config->memory_percent * UINT32_MAX + 50) / 100;
                (void) snprintf(limit->text, sizeof limit->text, "%u%%", config->memory_percent);
        }
}

void limits_from_config(const WorkerConfig *config, Limit ret[static LIMIT_KINDS]) {
        Limit *limit;

        for (int kind = 0; kind < LIMIT_KINDS; kind++)
                ret[kind] = (Limit) {};

        if (config->cpu_quota > 0) {
                limit = &ret[LIMIT_CPU_QUOTA];
                *limit = (Limit) { .asked = true, .property = "CPUQuotaPerSecUSec", .type = 't' };
                limit->number = (uint64_t) config->cpu_quota * (USEC_PER_SEC / 100);
                (void) snprintf(limit->text, sizeof limit->text, "%u%%", config->cpu_quota);
        }
        if (config->allowed_cpus) {
                limit = &ret[LIMIT_ALLOWED_CPUS];
                *limit = (Limit) { .asked = true, .property = "AllowedCPUs", .type = 'y' };
                limit->n_cpus = MIN(config->allowed_cpus_size, sizeof limit->cpus);
                memcpy(limit->cpus, config->allowed_cpus, limit->n_cpus);
                (void) snprintf(limit->text, sizeof limit->text, "%s",
                                config->allowed_cpus_text ? config->allowed_cpus_text : "");
        }
        if (config->cpu_weight_set) {
                limit = &ret[LIMIT_CPU_WEIGHT];
                *limit = (Limit) { .asked = true, .property = "CPUWeight", .type = 't', .number = config->cpu_weight };
                if (config->cpu_weight == 0)
                        (void) snprintf(limit->text, sizeof limit->text, "idle");
                else
                        (void) snprintf(limit->text, sizeof limit->text, "%" PRIu64, config->cpu_weight);
        }
        limit_from_memory(config, &ret[LIMIT_MEMORY_HIGH]);
}

bool limit_has_effect(LimitKind kind, const char *folder) {
        static const char *const controllers[LIMIT_KINDS] = {
                [LIMIT_CPU_QUOTA] = "cpu",
                [LIMIT_ALLOWED_CPUS] = "cpuset",
                [LIMIT_CPU_WEIGHT] = "cpu",
                [LIMIT_MEMORY_HIGH] = "memory",
        };
        _cleanup_close_ int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ char *text = NULL;
        char *position = NULL;
        size_t size;

        if (folder_fd < 0)
                return false;
        if (file_read_whole(folder_fd, "cgroup.controllers", CONTROLLERS_SIZE_MAX, &text, &size) < 0)
                return strcmp(controllers[kind], "cpu") == 0 && faccessat(folder_fd, "cpu", F_OK, 0) == 0;
        for (char *word = strtok_r(text, " \n", &position); word; word = strtok_r(NULL, " \n", &position))
                if (strcmp(word, controllers[kind]) == 0)
                        return true;
        return false;
}
