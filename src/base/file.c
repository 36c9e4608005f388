/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Small files, read whole. */

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

int file_open_regular(int dir_fd, const char *path, int flags, mode_t mode, uint64_t *ret_size) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        do
                fd = openat(dir_fd, path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);
        while (fd < 0 && errno == EINTR);
        if (fd < 0)
                return errno == ENXIO ? -ENOTSUP : -errno; /* a FIFO that was to be written */
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOTSUP;
        if (ret_size)
                *ret_size = (uint64_t) st.st_size;
        return TAKE_FD(fd);
}

int file_read_whole(int dir_fd, const char *path, size_t size_max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -1;
        uint64_t size;
        ssize_t n;

        fd = file_open_regular(dir_fd, path, O_RDONLY, 0, &size);
        if (fd < 0)
                return fd;
        if (size > size_max)
                return -EFBIG;

        text = malloc((size_t) size + 1);
        if (!text)
                return -ENOMEM;
        n = fd_read_full(fd, text, (size_t) size);
        if (n < 0)
                return (int) n;
        text[n] = '\0';

        *ret = TAKE_PTR(text);
        if (ret_size)
                *ret_size = (size_t) n;
        return 0;
}

int file_read_virtual(const char *path, size_t size_max, char **ret) {
        _cleanup_free_ char *text = malloc(size_max + 1);
        _cleanup_close_ int fd = -1;
        ssize_t n;

        if (!text)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        n = fd_read_full(fd, text, size_max);
        if (n < 0)
                return (int) n;
        text[n] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}

static int file_write_synced(const char *path, const void *data, size_t size, mode_t mode) {
        _cleanup_close_ int fd = -1;
        int r;

        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, mode);
        if (fd < 0)
                return -errno;
        if (fchmod(fd, mode) < 0) /* whatever the umask says, and whoever left it there */
                return -errno;
        r = fd_write_all(fd, data, size);
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        return r;
}

static int folder_sync(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_replace(const char *path, const void *data, size_t size, mode_t mode) {
        _cleanup_free_ char *new = NULL, *folder = file_parent(path);
        int r;

        if (!folder || asprintf(&new, "%s.new", path) < 0)
                return -ENOMEM;
        r = file_write_synced(new, data, size, mode);
        if (r >= 0 && rename(new, path) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlink(new);
                return r;
        }
        return folder_sync(folder);
}

char *file_parent(const char *path) {
        size_t n = strlen(path);

        while (n > 1 && path[n - 1] == '/')
                n--;
        while (n > 0 && path[n - 1] != '/')
                n--;
        while (n > 1 && path[n - 1] == '/')
                n--;
        return n == 0 ? strdup(".") : strndup(path, n);
}
