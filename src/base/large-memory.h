/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Memory for arrays of many megabytes. */

#include <stddef.h>

/*
 * In huge pages, where the system has them: each access in another page costs less, and so does the first one. To be
 * given back by free(). NULL: out of memory; also for a size near SIZE_MAX. The contents are undefined.
 */
void *large_memory(size_t size);

/* Of such memory of `size` bytes, only the first `used` are needed for now: the system gets the others' pages back. */
void large_memory_trim(void *memory, size_t size, size_t used);
