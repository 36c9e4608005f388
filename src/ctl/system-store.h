/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The store of a job of the master on this host: where the master says that it is; or, when no master runs, the
 * folder of that name below /var/lib/primed. Without a name (NULL) the job that was made last.
 *
 * 0, and the caller frees `*ret`; -ENOENT: there is none; -ENOMEM.
 */
int system_store_find(const char *job, char **ret);
