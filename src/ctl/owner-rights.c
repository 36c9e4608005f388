/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Effective ids alone are changed: root comes back. */

#include "ctl/owner-rights.h"

#include <errno.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

int owner_rights_take(const char *path, bool *ret, Problem *problem) {
        struct stat st;

        *ret = false;
        if (geteuid() != 0)
                return 0;
        if (stat(path, &st) < 0)
                return problem_set(problem, errno, "Cannot look at the store '%s': %m.", path);
        if (st.st_uid == 0)
                return 0;
        *ret = true;
        (void) umask(022);
        if (setgroups(0, NULL) < 0 || setegid(st.st_gid) < 0 || seteuid(st.st_uid) < 0)
                return problem_set(problem, errno, "Cannot act as the owner of the store '%s': %m.", path);
        return 0;
}

int owner_rights_end(bool taken, Problem *problem) {
        if (taken && (seteuid(0) < 0 || setegid(getgid()) < 0))
                return problem_set(problem, errno, "Cannot be root again: %m.");
        return 0;
}
