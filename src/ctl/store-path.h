/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where stores lie without --store: below $XDG_DATA_HOME/primed, or ~/.local/share/primed. Each job has a folder of
 * its own there, named after its interval, and the symbolic link "last" leads to the one that was used last.
 *
 * Paths are allocated, the caller frees them. -ENOENT when neither variable is set, -ENOMEM.
 */

#include <gmp.h>

/* The store of the job [from, to). */
int store_path_for_job(const mpz_t from, const mpz_t to, char **ret);

/* The one that was used last: what "last" leads to; the link itself if it leads nowhere. */
int store_path_last(char **ret);

/* Lets "last" lead to `path`, if that is one of the folders beside it; else nothing happens. */
void store_path_remember(const char *path);
