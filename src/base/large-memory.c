/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory in huge pages. */

#include "base/large-memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_BYTES ((size_t) 2 << 20) /* of a page on x86-64, and on ARM with pages of 4 KiB */
#define SMALL_BYTES (4 * HUGE_BYTES)  /* less is left to malloc() */

static size_t round_up(size_t size) {
        return (size + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
}

void *large_memory(size_t size) {
        void *memory;

        if (size < SMALL_BYTES)
                return malloc(size);
        if (size > PTRDIFF_MAX - HUGE_BYTES)
                return NULL;
        size = round_up(size);
        memory = aligned_alloc(HUGE_BYTES, size);
        if (memory)
                (void) madvise(memory, size, MADV_HUGEPAGE); /* without, it is slower */
        return memory;
}

void large_memory_trim(void *memory, size_t size, size_t used) {
        if (!memory || size < SMALL_BYTES || round_up(used) >= round_up(size))
                return;
        (void) madvise((char *) memory + round_up(used), round_up(size) - round_up(used), MADV_DONTNEED);
}
