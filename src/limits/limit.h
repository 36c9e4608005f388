/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The limits of worker.conf as properties of systemd's slices. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "settings/settings.h"

typedef enum LimitKind {
        LIMIT_CPU_QUOTA,
        LIMIT_ALLOWED_CPUS,
        LIMIT_CPU_WEIGHT,
        LIMIT_MEMORY_HIGH,
        LIMIT_KINDS,
} LimitKind;

#define LIMIT_TEXT_MAX 256
#define LIMIT_CPUS_BYTES_MAX ((SETTINGS_CORES_MAX + 7) / 8)

/* One property with its value as SetUnitProperties() takes it. */
typedef struct Limit {
        bool asked;           /* the config names it */
        const char *property; /* "CPUQuotaPerSecUSec" */
        char type;            /* 't' or 'u': `number`; 'y': `cpus`, an array */
        uint64_t number;
        uint8_t cpus[LIMIT_CPUS_BYTES_MAX];
        size_t n_cpus; /* bytes */
        char text[LIMIT_TEXT_MAX]; /* as in a unit file: "150%" */
} Limit;

/* "CPUQuota": the name in unit files, in messages and in the state. */
const char *limit_kind_name(LimitKind kind);

/* The kind of that name, or -EINVAL. */
int limit_kind_from_name(const char *name);

void limits_from_config(const WorkerConfig *config, Limit ret[static LIMIT_KINDS]);

/*
 * Whether this host's control groups can hold to it. `folder` is where they are mounted, /sys/fs/cgroup. The version 1
 * hierarchies know only quota and weight; systemd takes the others as well, without a word.
 */
bool limit_has_effect(LimitKind kind, const char *folder);
