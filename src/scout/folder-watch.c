/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* inotify on one folder, whose files editors write in place or rename over the old ones. */

#include "scout/folder-watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/log.h"

#define MASK                                                                                                         \
        (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |         \
         IN_MOVE_SELF | IN_ONLYDIR)

struct FolderWatch {
        sd_event *event;
        sd_event_source *source;
        char *path;
        bool lost; /* the source still stands for a folder that is not at `path` any more */
        FolderChanged on_changed;
        void *userdata;
};

static int folder_watch_on_event(sd_event_source *source, const struct inotify_event *info, void *userdata) {
        FolderWatch *watch = userdata;

        if (info->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT))
                watch->lost = true;
        watch->on_changed(info->len > 0 ? info->name : "", watch->userdata);
        return 0;
}

bool folder_watch_refresh(FolderWatch *watch) {
        int r;

        if (watch->source && !watch->lost)
                return false;
        watch->source = sd_event_source_disable_unref(watch->source);
        watch->lost = false;
        r = sd_event_add_inotify(watch->event, &watch->source, watch->path, MASK, folder_watch_on_event, watch);
        if (r < 0)
                log_debug("Not watching %s: %s", watch->path, strerror(-r));
        return r >= 0;
}

int folder_watch_new(sd_event *event, const char *path, FolderChanged on_changed, void *userdata, FolderWatch **ret) {
        _cleanup_(folder_watch_freep) FolderWatch *watch = malloc(sizeof *watch);

        if (!watch)
                return -ENOMEM;
        *watch = (FolderWatch) { .event = sd_event_ref(event), .on_changed = on_changed, .userdata = userdata };
        watch->path = strdup(path);
        if (!watch->path)
                return -ENOMEM;
        (void) folder_watch_refresh(watch);
        *ret = TAKE_PTR(watch);
        return 0;
}

FolderWatch *folder_watch_free(FolderWatch *watch) {
        if (!watch)
                return NULL;
        sd_event_source_disable_unref(watch->source);
        sd_event_unref(watch->event);
        free(watch->path);
        free(watch);
        return NULL;
}
