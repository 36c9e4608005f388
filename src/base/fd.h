/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* File descriptors. All functions return 0 or a count on success and negative errno on failure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Closes `fd` if it is not negative, keeps errno, returns -1 so that `x = fd_close(x)` reads well. */
int fd_close(int fd);

/* Opens /dev/null for those of 0, 1 and 2 that are closed, so that no other file ever takes their place. */
void fd_open_standard(void);

int fd_set_nonblocking(int fd, bool nonblocking);
int fd_set_cloexec(int fd, bool cloexec);

/* Writes all of `data`; handles EINTR and short writes. The descriptor must be blocking. */
int fd_write_all(int fd, const void *data, size_t size);
int fd_pwrite_all(int fd, const void *data, size_t size, uint64_t offset);

/* Reads up to `size` bytes, fewer only at the end of the file. Returns the number of bytes. */
ssize_t fd_read_full(int fd, void *data, size_t size);
ssize_t fd_pread_full(int fd, void *data, size_t size, uint64_t offset);

/* Hands the descriptor `passed` over the unix socket `fd`, with the bytes of `data` (at least one). */
int fd_send_descriptor(int fd, const void *data, size_t size, int passed);

/*
 * Receives one datagram of at most `size` bytes and at most one descriptor with it (-1 if there was none; the
 * caller owns it; any further ones are closed). Returns the number of bytes, 0 at the end of the stream, -EAGAIN when
 * nothing waits.
 */
ssize_t fd_receive_descriptor(int fd, void *data, size_t size, int *ret_passed);
