/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where the profile of this machine (prime/sieve/profile.h) is kept from one start to the next: in a cache, for it can
 * be measured again at any time. It is for this processor and this version of the program.
 */

#include "base/problem.h"
#include "prime/sieve/profile.h"

/*
 * "sieve-profile" in $CACHE_DIRECTORY, which systemd sets for services with CacheDirectory=; else in
 * $XDG_CACHE_HOME/primed, else in $HOME/.cache/primed. Only absolute paths count. NULL: there is no such place, or no
 * memory. The caller frees.
 */
char *profile_file_path(void);

/* 0; -ENOENT, without a sentence; -ESTALE, -EINVAL as sieve_profile_parse(); or another error. */
int profile_file_read(const char *path, SieveProfile *ret, Problem *problem);

/* Makes the folder for it, and those above, where they are not there, and sees whether it can be written in. */
int profile_file_prepare(const char *path, Problem *problem);

/* Makes the folder, and those above, where they are not there. Several may write at once. 0 or negative errno. */
int profile_file_write(const char *path, const SieveProfile *profile, Problem *problem);
