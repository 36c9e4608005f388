/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Every system call by which the store writes, as a table of functions, so that a test can stand in for the
 * kernel: fail the nth call, tear a write, forget what was not synced. All return 0 (or a count or descriptor)
 * or negative errno. Paths are relative to the open directory `dir_fd`.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct Disk Disk;

struct Disk {
        void *userdata;
        int (*open)(const Disk *disk, int dir_fd, const char *path, int flags, mode_t mode);
        int (*close)(const Disk *disk, int fd);
        int (*pwrite_all)(const Disk *disk, int fd, const void *data, size_t size, uint64_t offset);
        ssize_t (*pread_full)(const Disk *disk, int fd, void *data, size_t size, uint64_t offset);
        int (*truncate)(const Disk *disk, int fd, uint64_t size);
        int (*sync_data)(const Disk *disk, int fd);      /* fdatasync */
        int (*sync_directory)(const Disk *disk, int fd); /* fsync */
        int (*rename)(const Disk *disk, int dir_fd, const char *from, const char *to);
        int (*unlink)(const Disk *disk, int dir_fd, const char *path);
        int (*make_directory)(const Disk *disk, int dir_fd, const char *path, mode_t mode);
        /* Of the file system that has `path` (from the working directory): its bytes, and those that we may use. */
        int (*space)(const Disk *disk, const char *path, uint64_t *ret_size, uint64_t *ret_available);
};

/* The real one. */
extern const Disk disk_system;
