/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The real disk: each entry of the table is one system call with its error as a negative number. */

#include "store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

static int disk_open(const Disk *disk, int dir_fd, const char *path, int flags, mode_t mode) {
        int fd;

        if (!(flags & O_DIRECTORY))
                return file_open_regular(dir_fd, path, flags, mode, NULL);
        do
                fd = openat(dir_fd, path, flags | O_CLOEXEC, mode);
        while (fd < 0 && errno == EINTR);
        return fd < 0 ? -errno : fd;
}

/* Not repeated after EINTR: on Linux the descriptor is gone in any case. */
static int disk_close(const Disk *disk, int fd) {
        return close(fd) < 0 ? -errno : 0;
}

static int disk_pwrite_all(const Disk *disk, int fd, const void *data, size_t size, uint64_t offset) {
        return fd_pwrite_all(fd, data, size, offset);
}

static ssize_t disk_pread_full(const Disk *disk, int fd, void *data, size_t size, uint64_t offset) {
        return fd_pread_full(fd, data, size, offset);
}

static int disk_truncate(const Disk *disk, int fd, uint64_t size) {
        int r;

        do
                r = ftruncate(fd, (off_t) size);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : 0;
}

/* Never repeated: after a failure the kernel has forgotten which pages it could not write. */
static int disk_sync_data(const Disk *disk, int fd) {
        return fdatasync(fd) < 0 ? -errno : 0;
}

static int disk_sync_directory(const Disk *disk, int fd) {
        return fsync(fd) < 0 ? -errno : 0;
}

static int disk_rename(const Disk *disk, int dir_fd, const char *from, const char *to) {
        return renameat(dir_fd, from, dir_fd, to) < 0 ? -errno : 0;
}

static int disk_unlink(const Disk *disk, int dir_fd, const char *path) {
        return unlinkat(dir_fd, path, 0) < 0 ? -errno : 0;
}

static int disk_make_directory(const Disk *disk, int dir_fd, const char *path, mode_t mode) {
        return mkdirat(dir_fd, path, mode) < 0 ? -errno : 0;
}

static int disk_space(const Disk *disk, const char *path, uint64_t *ret_size, uint64_t *ret_available) {
        struct statvfs st;

        if (statvfs(path, &st) < 0)
                return -errno;
        *ret_size = (uint64_t) st.f_blocks * st.f_frsize;
        *ret_available = (uint64_t) st.f_bavail * st.f_frsize;
        return 0;
}

const Disk disk_system = {
        .open = disk_open,
        .close = disk_close,
        .pwrite_all = disk_pwrite_all,
        .pread_full = disk_pread_full,
        .truncate = disk_truncate,
        .sync_data = disk_sync_data,
        .sync_directory = disk_sync_directory,
        .rename = disk_rename,
        .unlink = disk_unlink,
        .make_directory = disk_make_directory,
        .space = disk_space,
};
