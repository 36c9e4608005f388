/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The default store, by the XDG base directory specification. */

#include "ctl/store-path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int store_path_default(char **ret) {
        const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
        char *path;
        int n;

        /* The specification: a relative path counts as not set. */
        if (data && data[0] == '/')
                n = asprintf(&path, "%s/primed/local", data);
        else if (home && home[0] == '/')
                n = asprintf(&path, "%s/.local/share/primed/local", home);
        else
                return -ENOENT;
        if (n < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}
