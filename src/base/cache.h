/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The processor's caches. */

#include <stdint.h>

/* Bytes that a thread can call its own when all processors work; 0: not known, or there is no such cache. */
typedef struct CacheBytes {
        uint32_t level1; /* for data */
        uint32_t level2;
        uint32_t level3;
} CacheBytes;

/*
 * As the kernel tells it, of the first processor. Threads of one core, which work on the same kind of thing, have its
 * first and second level together; what several cores share is divided among them.
 */
CacheBytes cache_bytes(void);

/* The same from a folder like /sys/devices/system/cpu/cpu0/cache. */
CacheBytes cache_bytes_from(const char *folder);
