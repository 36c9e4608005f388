/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A file system in memory, under the C library: a program that is linked with -Wl,--wrap=… for the calls that
 * memory-fs.c lists has every path below MEMORY_ROOT served from a MemoryImage, all others by the kernel. So the code
 * under test is the real one down to its last system call, reading and locking included, and opening a store costs
 * microseconds.
 *
 * What is changed is written to a MemoryLog, from which power-model.h derives what a power cut would leave.
 *
 * No errors are returned: a program that uses the simulation wrongly ends.
 */

#include <stdint.h>

#include "faults/memory-image.h"

/* Nothing real can be made there, so that a call that is not wrapped fails. */
#define MEMORY_ROOT "/proc/memory-fs"

/*
 * From now on `image` is what MEMORY_ROOT holds, and changes go to `log` (NULL: nowhere). No file of the one before
 * may still be open. Both stay the caller's.
 */
void memory_fs_attach(MemoryImage *image, MemoryLog *log);

/*
 * Calls [first, end) that change something, counted from 1 from now on, fail with EIO, and a write that fails has
 * written its first half. Wants a log, and an image that is still empty. A sync of a file that fails loses what it was
 * to write, as on Linux: it stays visible, a second sync succeeds, and posix_fadvise(POSIX_FADV_DONTNEED) shows what is
 * on the disk.
 */
void memory_fs_fail(uint64_t first, uint64_t end);
/* After so many more of these calls they change nothing any more and fail: to the disk the process is dead then. */
void memory_fs_die(uint64_t n_calls);

void memory_fs_mend(void); /* no further call fails; what was lost stays lost */
uint64_t memory_fs_n_failed(void);
uint64_t memory_fs_n_syncs_after_failure(void); /* by descriptor; must stay 0 */
