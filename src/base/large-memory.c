/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory in huge pages. */

#include "base/large-memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_BYTES ((size_t) 2 << 20) /* of a page on x86-64, and on ARM with pages of 4 KiB */

void *large_memory(size_t size) {
        void *memory;

        if (size < 4 * HUGE_BYTES)
                return malloc(size);
        if (size > PTRDIFF_MAX - HUGE_BYTES)
                return NULL;
        size = (size + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
        memory = aligned_alloc(HUGE_BYTES, size);
        if (memory)
                (void) madvise(memory, size, MADV_HUGEPAGE); /* without, it is slower */
        return memory;
}
