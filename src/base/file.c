/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Small files, read whole. */

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
