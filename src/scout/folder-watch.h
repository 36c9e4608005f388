/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tells when an entry of a folder was written, replaced, removed or given other rights. The folder may be missing. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"

typedef struct FolderWatch FolderWatch;

/* `name` is the entry's; "" when the folder itself went away: it is watched again after folder_watch_refresh(). */
typedef void (*FolderChanged)(const char *name, void *userdata);

/* Copies `path`. 0 also when there is no such folder; negative errno. */
int folder_watch_new(sd_event *event, const char *path, FolderChanged on_changed, void *userdata, FolderWatch **ret);
FolderWatch *folder_watch_free(FolderWatch *watch);

/* Looks whether the folder is there now. True when it had not been watched and is now. */
bool folder_watch_refresh(FolderWatch *watch);

DEFINE_TRIVIAL_CLEANUP_FUNC(FolderWatch *, folder_watch_free);
