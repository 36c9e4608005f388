/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A small file in a cache directory. It is replaced by renaming one that has the number of the process in its name, so
 * whoever reads it finds a whole one, whichever of several workers was the last to write. It is not synced: when a
 * machine that stopped has left half of it, its checksum tells.
 */

#include "worker/profile-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/processor.h"

#define NAME "sieve-profile"
#define MACHINE_SIZE (PROFILE_WORD_MAX + 1)

char *profile_file_path(void) {
        static const struct {
                const char *variable, *below;
        } places[] = {
                { "CACHE_DIRECTORY", "" },
                { "XDG_CACHE_HOME", "/primed" },
                { "HOME", "/.cache/primed" },
        };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                const char *folder = getenv(places[i].variable);
                char *path;

                if (!folder || folder[0] != '/')
                        continue;
                /* systemd separates several by colons; none of its own names has one. */
                if (asprintf(&path, "%.*s%s/" NAME, (int) strcspn(folder, i == 0 ? ":" : ""), folder,
                             places[i].below) < 0)
                        return NULL;
                return path;
        }
        return NULL;
}

/* For what the profile holds: sizes depend on how many threads share the caches. */
static void describe_machine(char ret[static MACHINE_SIZE]) {
        char model[PROCESSOR_MODEL_SIZE];

        processor_model(model);
        (void) snprintf(ret, MACHINE_SIZE, "%u of %.*s", processors_usable(), PROFILE_WORD_MAX - 20, model);
}

int profile_file_read(const char *path, SieveProfile *ret, Problem *problem) {
        _cleanup_free_ char *text = NULL;
        char machine[MACHINE_SIZE];
        Problem what = PROBLEM_NONE;
        size_t size;
        int r;

        r = file_read_whole(AT_FDCWD, path, PROFILE_TEXT_MAX, &text, &size);
        if (r == -ENOENT)
                return r;
        if (r < 0)
                return problem_set(problem, -r, "Cannot read %s: %m", path);
        describe_machine(machine);
        r = strlen(text) == size ? sieve_profile_parse(text, machine, PRIMED_VERSION, ret, &what)
                                 : problem_set(&what, EINVAL, "it has bytes that are not text");
        if (r < 0)
                return problem_set(problem, -r, "%s cannot be used: %s", path, what.text);
        return 0;
}

/* The folder of `path`, with those above it. */
static int make_folders(const char *path) {
        _cleanup_free_ char *folder = file_parent(path);

        if (!folder)
                return -ENOMEM;
        for (char *end = folder + 1;; end++) {
                char kept = *end;

                if (kept != '/' && kept != '\0')
                        continue;
                *end = '\0';
                if (mkdir(folder, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *end = kept;
                if (kept == '\0')
                        return 0;
        }
}

int profile_file_prepare(const char *path, Problem *problem) {
        _cleanup_free_ char *folder = file_parent(path);
        int r;

        if (!folder)
                return -ENOMEM;
        r = make_folders(path);
        if (r >= 0 && faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) < 0)
                r = -errno;
        return r < 0 ? problem_set(problem, -r, "Cannot write %s: %m", path) : 0;
}

static int write_new(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

        return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

int profile_file_write(const char *path, const SieveProfile *profile, Problem *problem) {
        _cleanup_free_ char *text = NULL, *new = NULL;
        char machine[MACHINE_SIZE];
        int r;

        describe_machine(machine);
        text = sieve_profile_format(profile, machine, PRIMED_VERSION);
        if (!text || asprintf(&new, "%s.%ld", path, (long) getpid()) < 0)
                return -ENOMEM;
        r = make_folders(path);
        if (r >= 0)
                r = write_new(new, text);
        if (r >= 0 && rename(new, path) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlink(new);
                return problem_set(problem, -r, "Cannot write %s: %m", path);
        }
        return 0;
}
