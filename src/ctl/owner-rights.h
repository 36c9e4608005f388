/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Files that root writes into the store of another user would be that user's trouble: it could not go on with them. So
 * root acts as the owner for the while.
 */

#include <stdbool.h>

#include "base/problem.h"

/*
 * If this is root and the folder `path` is another user's, takes that user's and group's rights, and the umask of a
 * service; other groups are given up for good. `ret` says whether. 0, or negative errno with a sentence.
 */
int owner_rights_take(const char *path, bool *ret, Problem *problem);

/* Ends it, if `taken`. 0, or negative errno with a sentence. */
int owner_rights_end(bool taken, Problem *problem);
