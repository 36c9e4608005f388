/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a store takes on its disk, seen from outside: somebody may have made it smaller while it was closed. */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "store/folder.h"
#include "store/store.h"

typedef void (*NameFunction)(uint64_t number, char ret[static LAYOUT_NAME_SIZE]);

/* A file that went meanwhile takes nothing. */
static uint64_t sum_sizes(int dir_fd, const FolderNumbers *numbers, NameFunction name_of) {
        uint64_t bytes = 0;

        for (size_t i = 0; i < numbers->n_numbers; i++) {
                char name[LAYOUT_NAME_SIZE];
                struct stat st;

                name_of(numbers->numbers[i], name);
                if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISREG(st.st_mode))
                        bytes += (uint64_t) st.st_size;
        }
        return bytes;
}

int store_measure(const char *path, StoreTotals *totals) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        FolderListing listing;
        int r;

        if (fd < 0)
                return -errno;
        r = folder_list(fd, &listing);
        if (r < 0)
                return r;
        totals->open_bytes = sum_sizes(fd, &listing.open, layout_open_name);
        totals->segment_bytes = sum_sizes(fd, &listing.sealed, layout_sealed_name) + totals->open_bytes;
        totals->spool_bytes = sum_sizes(fd, &listing.spool, layout_spool_name);
        totals->n_segments = listing.sealed.n_numbers;
        folder_listing_done(&listing);
        return 0;
}
