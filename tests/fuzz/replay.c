/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Replays a corpus through a fuzz target where no fuzzing engine is linked, so that every input that ever mattered
 * is an ordinary test. Arguments: folders or files.
 */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "fuzz/fuzz.h"
#include "test.h"

static unsigned n_replayed;

static void replay_file(int dir_fd, const char *name) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        CHECK(file_read_whole(dir_fd, name, 64U << 20, &data, &size) == 0);
        (void) LLVMFuzzerTestOneInput((const uint8_t *) data, size);
        n_replayed++;
}

static void replay_path(const char *path) {
        struct stat st;
        DIR *dir;

        CHECK(stat(path, &st) == 0);
        if (!S_ISDIR(st.st_mode)) {
                replay_file(AT_FDCWD, path);
                return;
        }
        dir = opendir(path);
        CHECK(dir != NULL);
        for (struct dirent *entry; (entry = readdir(dir));)
                if (entry->d_name[0] != '.')
                        replay_file(dirfd(dir), entry->d_name);
        (void) closedir(dir);
}

int main(int argc, char *argv[]) {
        tests_current = "corpus";
        for (int i = 1; i < argc; i++)
                replay_path(argv[i]);
        printf("# %u inputs\n", n_replayed);
        CHECK(n_replayed > 0);
        printf("ok %d - corpus\n", ++tests_run);
        return tests_end();
}
