/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Has a config file changed since it was read? */

#include "limits/config-stamp.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checksum.h"
#include "base/cleanup.h"

typedef struct Stamp {
        uint64_t device, inode, size, changed_nsec;
} Stamp;

static void closedirp(DIR **folder) {
        if (*folder)
                (void) closedir(*folder);
}

static uint64_t stamp_file(int dir_fd, const char *name) {
        struct stat s;
        Stamp stamp;

        if (fstatat(dir_fd, name, &s, 0) < 0)
                return 0;
        stamp = (Stamp) {
                .device = s.st_dev,
                .inode = s.st_ino,
                .size = (uint64_t) s.st_size,
                .changed_nsec = (uint64_t) s.st_ctim.tv_sec * 1000000000U + (uint64_t) s.st_ctim.tv_nsec,
        };
        return checksum_xxh3(&stamp, sizeof stamp) ^ checksum_xxh3(name, strlen(name));
}

uint64_t config_stamp(const char *path) {
        _cleanup_free_ char *dropins = NULL;
        _cleanup_(closedirp) DIR *folder = NULL;
        uint64_t stamp = stamp_file(AT_FDCWD, path);
        int n;

        n = asprintf(&dropins, "%s.d", path);
        if (n < 0)
                return stamp;
        folder = opendir(dropins);
        /* A sum: the order of a folder's entries means nothing. */
        for (struct dirent *entry; folder && (entry = readdir(folder));)
                if (entry->d_name[0] != '.')
                        stamp += stamp_file(dirfd(folder), entry->d_name);
        return stamp;
}
