/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The stores without --store, by the XDG base directory specification. */

#include "ctl/store-path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "store/store-name.h"

#define LAST "last"

/* $XDG_DATA_HOME/primed/NAME. */
static int store_path_named(const char *name, char **ret) {
        const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
        char *path;
        int n;

        /* The specification: a relative path counts as not set. */
        if (data && data[0] == '/')
                n = asprintf(&path, "%s/primed/%s", data, name);
        else if (home && home[0] == '/')
                n = asprintf(&path, "%s/.local/share/primed/%s", home, name);
        else
                return -ENOENT;
        if (n < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

int store_path_for_job(const mpz_t from, const mpz_t to, char **ret) {
        _cleanup_free_ char *name = store_name(from, to);

        return name ? store_path_named(name, ret) : -ENOMEM;
}

int store_path_last(char **ret) {
        _cleanup_free_ char *link = NULL, *folder = NULL;
        char target[PATH_MAX], *path;
        ssize_t n;
        int r;

        r = store_path_named(LAST, &link);
        if (r < 0)
                return r;
        n = readlink(link, target, sizeof target - 1);
        if (n <= 0) {
                *ret = TAKE_PTR(link);
                return 0;
        }
        target[n] = '\0';
        folder = file_parent(link);
        if (!folder || asprintf(&path, "%s/%s", folder, target) < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

void store_path_remember(const char *path) {
        _cleanup_free_ char *link = NULL, *folder = NULL, *ours = NULL, *new = NULL;
        const char *name = strrchr(path, '/');

        if (store_path_named(LAST, &link) < 0)
                return;
        folder = file_parent(path);
        ours = file_parent(link);
        if (!folder || !ours || !name || strcmp(folder, ours) != 0 || asprintf(&new, "%s.new", link) < 0)
                return;
        (void) unlink(new);
        if (symlink(name + 1, new) >= 0)
                (void) rename(new, link);
}
