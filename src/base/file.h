/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Small files. The store's own files go through store/disk.h instead, where every call can be made to fail. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * As openat() with O_CLOEXEC, for regular files only: anything else that has the name, a FIFO that nobody writes, say,
 * gives -ENOTSUP and never blocks. Adds the size if `ret_size` is not NULL. The descriptor, or negative errno.
 */
int file_open_regular(int dir_fd, const char *path, int flags, mode_t mode, uint64_t *ret_size);

/* Reads a whole file of at most `size_max` bytes, adds a NUL. -EFBIG when larger. The caller frees `*ret`. */
int file_read_whole(int dir_fd, const char *path, size_t size_max, char **ret, size_t *ret_size);

/*
 * Reads a file of /proc or /sys, which does not tell its size: at most `size_max` bytes of it, and a NUL behind them.
 * The caller frees `*ret`.
 */
int file_read_virtual(const char *path, size_t size_max, char **ret);

/*
 * Replaces the file `path`: whenever the machine stops, it is the old one or the new one, whole. 0: the new one, and
 * durable. `PATH.new` is written on the way; only one process at a time may replace a file.
 */
int file_replace(const char *path, const void *data, size_t size, mode_t mode);

/* The directory part of `path` ("." if it has none). The caller frees. NULL when out of memory. */
char *file_parent(const char *path);
