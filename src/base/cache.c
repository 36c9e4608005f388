/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Caches by sysfs: a folder for each, with its level, its type, its size ("32K"), and the processors that share it
 * ("0-3,8"). It is the same on all kinds of processors. Where nothing is said (some virtual machines, some boards, no
 * /sys), nothing is known.
 */

#include "base/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"

#define FOLDER "/sys/devices/system/cpu/cpu0/cache"
#define CACHES_MAX 16
#define FILE_MAX 4096

/* NULL: there is none, or no memory. */
static char *read_name(const char *folder, unsigned i, const char *name) {
        _cleanup_free_ char *path = NULL;
        char *text = NULL;

        if (asprintf(&path, "%s/index%u/%s", folder, i, name) < 0)
                return NULL;
        return file_read_virtual(path, FILE_MAX, &text) < 0 ? NULL : text;
}

/* "512K", "32M"; 0: it is none of these. */
static uint64_t parse_size(const char *text) {
        char *end;
        unsigned long long size = strtoull(text, &end, 10);

        if (end == text || size > UINT32_MAX)
                return 0;
        return *end == 'K' ? (uint64_t) size << 10 : *end == 'M' ? (uint64_t) size << 20 : size;
}

/* How many processors "0-3,8" are; 0: it is no such list. */
static unsigned long parse_list(const char *text) {
        unsigned long n = 0;

        for (;;) {
                char *end;
                unsigned long first = strtoul(text, &end, 10), last = first;

                if (end == text)
                        return 0;
                if (*end == '-') {
                        text = end + 1;
                        last = strtoul(text, &end, 10);
                        if (end == text || last < first)
                                return 0;
                }
                n += last - first + 1;
                if (*end != ',')
                        return n;
                text = end + 1;
        }
}

typedef struct Cache {
        unsigned level; /* 0: not one for data */
        uint64_t size;
        unsigned long n_sharing;
} Cache;

static Cache read_cache(const char *folder, unsigned i) {
        _cleanup_free_ char *level = read_name(folder, i, "level"), *type = read_name(folder, i, "type");
        _cleanup_free_ char *size = read_name(folder, i, "size"), *list = read_name(folder, i, "shared_cpu_list");
        Cache cache = {};

        if (!level || !type || !size || strncmp(type, "Instruction", 11) == 0)
                return cache;
        cache.size = parse_size(size);
        cache.n_sharing = list ? parse_list(list) : 1;
        cache.n_sharing = MAX(cache.n_sharing, 1UL);
        cache.level = level[0] >= '1' && level[0] <= '3' ? (unsigned) (level[0] - '0') : 0;
        return cache;
}

CacheBytes cache_bytes_from(const char *folder) {
        uint64_t sizes[4] = {};
        unsigned long n_sharing[4] = {}, n_core;

        for (unsigned i = 0; i < CACHES_MAX; i++) {
                Cache cache = read_cache(folder, i);

                sizes[cache.level] = cache.size;
                n_sharing[cache.level] = cache.n_sharing;
        }
        n_core = MAX(n_sharing[1], 1UL); /* threads of the core */
        return (CacheBytes) {
                .level1 = (uint32_t) MIN(sizes[1], (uint64_t) UINT32_MAX),
                .level2 = (uint32_t) MIN(sizes[2] * n_core / MAX(n_sharing[2], n_core), (uint64_t) UINT32_MAX),
                .level3 = (uint32_t) MIN(sizes[3] / MAX(n_sharing[3], 1UL), (uint64_t) UINT32_MAX),
        };
}

CacheBytes cache_bytes(void) {
        return cache_bytes_from(FOLDER);
}
