/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The real disk: each entry does what its name says and returns its error as a negative number. */

#include "store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/fixture.h"
#include "test.h"

static void test_calls_reach_the_file_system(void) {
        const Disk *disk = &disk_system;
        int dir_fd, fd;
        char text[8] = "";

        dir_fd = disk->open(disk, AT_FDCWD, fixture_folder(), O_RDONLY | O_DIRECTORY, 0);
        CHECK(dir_fd >= 0);
        CHECK((fcntl(dir_fd, F_GETFD) & FD_CLOEXEC) != 0);
        CHECK(disk->make_directory(disk, dir_fd, "sub", 0755) == 0);
        fd = disk->open(disk, dir_fd, "sub/a", O_RDWR | O_CREAT | O_EXCL, 0644);
        CHECK(fd >= 0);
        CHECK(disk->pwrite_all(disk, fd, "prime", 5, 2) == 0);
        CHECK_EQUAL(disk->pread_full(disk, fd, text, sizeof text, 0), 7);
        CHECK(memcmp(text, "\0\0prime", 7) == 0);
        CHECK(disk->truncate(disk, fd, 4) == 0);
        CHECK_EQUAL(disk->pread_full(disk, fd, text, sizeof text, 2), 2);
        CHECK(disk->sync_data(disk, fd) == 0);
        CHECK(disk->rename(disk, dir_fd, "sub/a", "b") == 0);
        CHECK(disk->sync_directory(disk, dir_fd) == 0);
        CHECK(faccessat(dir_fd, "b", F_OK, 0) == 0);
        CHECK(disk->unlink(disk, dir_fd, "b") == 0);
        CHECK(faccessat(dir_fd, "b", F_OK, 0) < 0);
        CHECK(disk->close(disk, fd) == 0);
        CHECK(disk->close(disk, dir_fd) == 0);
}

static void test_errors_are_negative_numbers(void) {
        const Disk *disk = &disk_system;
        int dir_fd, full;

        dir_fd = disk->open(disk, AT_FDCWD, fixture_folder(), O_RDONLY | O_DIRECTORY, 0);
        CHECK(dir_fd >= 0);
        CHECK(disk->open(disk, dir_fd, "none", O_RDONLY, 0) == -ENOENT);
        CHECK(disk->rename(disk, dir_fd, "none", "x") == -ENOENT);
        CHECK(disk->unlink(disk, dir_fd, "none") == -ENOENT);
        CHECK(disk->make_directory(disk, dir_fd, ".", 0755) == -EEXIST);
        CHECK(disk->sync_data(disk, -1) == -EBADF);
        CHECK(disk->sync_directory(disk, -1) == -EBADF);
        CHECK(disk->truncate(disk, -1, 0) == -EBADF);
        CHECK(disk->close(disk, -1) == -EBADF);
        CHECK(disk->pread_full(disk, -1, &full, 1, 0) == -EBADF);
        CHECK(disk->open(disk, AT_FDCWD, "/dev/full", O_WRONLY, 0) == -ENOTSUP); /* a store has files only */
        full = open("/dev/full", O_WRONLY | O_CLOEXEC);
        CHECK(full >= 0);
        CHECK(disk->pwrite_all(disk, full, "x", 1, 0) == -ENOSPC);
        CHECK(disk->close(disk, full) == 0);
        CHECK(disk->close(disk, dir_fd) == 0);
}

int main(void) {
        RUN(test_calls_reach_the_file_system);
        RUN(test_errors_are_negative_numbers);
        return tests_end();
}
