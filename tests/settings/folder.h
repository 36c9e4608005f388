/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A folder for config files, removed with all that is in it when the test ends. */

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "test.h"

static char folder_name[] = "/tmp/primed-test-settings.XXXXXX";

static inline int folder_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

static inline void folder_remove(void) {
        (void) nftw(folder_name, folder_remove_one, 10, FTW_DEPTH | FTW_PHYS);
}

/* The path of a file in the folder. Valid until the eighth next call. */
static inline const char *folder_path(const char *name) {
        static char paths[8][500];
        static unsigned next;
        char *path = paths[next++ % 8];

        if (strchr(folder_name, 'X') && access(folder_name, F_OK) < 0) {
                CHECK(mkdtemp(folder_name) != NULL);
                (void) atexit(folder_remove);
        }
        (void) snprintf(path, sizeof paths[0], "%s/%s", folder_name, name);
        return path;
}

/* Writes a file, and the folder in front of its name. */
static inline void folder_write(const char *name, const char *text) {
        const char *path = folder_path(name), *slash = strchr(name, '/');
        _cleanup_close_ int fd = -1;

        if (slash) {
                char folder[500];

                (void) snprintf(folder, sizeof folder, "%.*s", (int) (strlen(path) - strlen(slash)), path);
                CHECK(mkdir(folder, 0700) == 0 || access(folder, F_OK) == 0);
        }
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK(fd_write_all(fd, text, strlen(text)) == 0);
}
