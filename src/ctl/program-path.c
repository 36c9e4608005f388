/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sibling programs of primectl. */

#include "ctl/program-path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

int program_path_find(const char *name, char **ret, Problem *problem) {
        _cleanup_free_ char *folder = NULL, *built = NULL, *installed = NULL;
        char self[PATH_MAX];
        ssize_t n;

        n = readlink("/proc/self/exe", self, sizeof self - 1);
        if (n < 0)
                return problem_set(problem, errno, "/proc/self/exe cannot be read (%m): mount /proc");
        self[n] = '\0';
        folder = file_parent(self);

        /* In the build tree "primed-NAME" is ../NAME/primed-NAME as seen from here. */
        if (!folder || asprintf(&built, "%s/../%s/%s", folder, name + strlen("primed-"), name) < 0 ||
            asprintf(&installed, "%s/%s", PRIMED_LIBEXECDIR, name) < 0)
                return problem_set(problem, ENOMEM, "Out of memory");

        if (access(built, X_OK) >= 0)
                *ret = TAKE_PTR(built);
        else if (access(installed, X_OK) >= 0)
                *ret = TAKE_PTR(installed);
        else
                return problem_set(problem, ENOENT, "%s is missing: install the package primed-common again",
                                   installed);
        return 0;
}
