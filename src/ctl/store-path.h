/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The store that the verbs use without --store: $XDG_DATA_HOME/primed/local, or ~/.local/share/primed/local. The
 * caller frees `*ret`. -ENOENT when neither variable is set, -ENOMEM.
 */
int store_path_default(char **ret);
