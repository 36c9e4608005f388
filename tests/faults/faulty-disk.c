/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The disk that fails the nth call. */

#include "faults/faulty-disk.h"

#include <fcntl.h>

#include "test.h"

/* Is this the call that fails? */
static bool faulty_fails(FaultyDisk *faulty, bool needs_space) {
        if (faulty->writes_only && !needs_space)
                return false;
        faulty->n_calls++;
        if (faulty->n_calls < faulty->fail_first || faulty->n_calls >= faulty->fail_end)
                return false;
        faulty->n_failed++;
        return true;
}

static int faulty_open(const Disk *disk, int dir_fd, const char *path, int flags, mode_t mode) {
        FaultyDisk *faulty = disk->userdata;
        int fd;

        if (faulty_fails(faulty, (flags & O_CREAT) != 0))
                return faulty->error;
        fd = disk_system.open(&disk_system, dir_fd, path, flags, mode);
        if (fd >= 0) {
                CHECK(fd < 1024);
                faulty->sync_failed[fd] = false;
        }
        return fd;
}

static int faulty_pwrite_all(const Disk *disk, int fd, const void *data, size_t size, uint64_t offset) {
        FaultyDisk *faulty = disk->userdata;

        if (faulty_fails(faulty, true)) {
                if (faulty->torn)
                        (void) disk_system.pwrite_all(&disk_system, fd, data, size / 2, offset);
                return faulty->error;
        }
        return disk_system.pwrite_all(&disk_system, fd, data, size, offset);
}

static int faulty_truncate(const Disk *disk, int fd, uint64_t size) {
        FaultyDisk *faulty = disk->userdata;

        return faulty_fails(faulty, false) ? faulty->error : disk_system.truncate(&disk_system, fd, size);
}

static int faulty_sync(const Disk *disk, int fd) {
        FaultyDisk *faulty = disk->userdata;

        if (faulty->sync_failed[fd])
                faulty->n_syncs_after_failure++;
        if (!faulty_fails(faulty, false))
                return 0;
        faulty->sync_failed[fd] = true;
        return faulty->error;
}

static int faulty_rename(const Disk *disk, int dir_fd, const char *from, const char *to) {
        FaultyDisk *faulty = disk->userdata;

        return faulty_fails(faulty, true) ? faulty->error : disk_system.rename(&disk_system, dir_fd, from, to);
}

static int faulty_unlink(const Disk *disk, int dir_fd, const char *path) {
        FaultyDisk *faulty = disk->userdata;

        return faulty_fails(faulty, false) ? faulty->error : disk_system.unlink(&disk_system, dir_fd, path);
}

static int faulty_make_directory(const Disk *disk, int dir_fd, const char *path, mode_t mode) {
        FaultyDisk *faulty = disk->userdata;

        return faulty_fails(faulty, true) ? faulty->error
                                          : disk_system.make_directory(&disk_system, dir_fd, path, mode);
}

static int faulty_space(const Disk *disk, const char *path, uint64_t *ret_size, uint64_t *ret_available) {
        FaultyDisk *faulty = disk->userdata;

        if (faulty->size == 0)
                return disk_system.space(&disk_system, path, ret_size, ret_available);
        faulty->n_looks++;
        *ret_size = faulty->size;
        *ret_available = faulty->available;
        return 0;
}

void faulty_disk_init(FaultyDisk *faulty, int error, uint64_t fail_first, uint64_t fail_end) {
        *faulty = (FaultyDisk) {
                .disk = {
                        .userdata = faulty,
                        .open = faulty_open,
                        .close = disk_system.close,
                        .pwrite_all = faulty_pwrite_all,
                        .pread_full = disk_system.pread_full,
                        .truncate = faulty_truncate,
                        .sync_data = faulty_sync,
                        .sync_directory = faulty_sync,
                        .rename = faulty_rename,
                        .unlink = faulty_unlink,
                        .make_directory = faulty_make_directory,
                        .space = faulty_space,
                },
                .error = error,
                .fail_first = fail_first,
                .fail_end = fail_end,
        };
}
