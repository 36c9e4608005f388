/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Folders are watched, not files: an editor that replaces the file leaves a watch of the file behind. The folder of
 * drop-ins may come and go; its place is watched by the folder above, and each reading looks for it anew.
 */

#include "worker/config-watch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/file.h"
#include "base/log.h"

#define FOLDER_EVENTS                                                                                        \
        (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | \
         IN_MOVE_SELF | IN_ONLYDIR)

struct ConfigWatch {
        sd_event *event;
        sd_event_source *folder_source, *drop_in_source, *settle_timer;
        char *path, *folder, *drop_ins;
        WorkerConfig *config;
        char fault[sizeof((Problem *) NULL)->text];
        ConfigWatchChanged on_changed;
        void *userdata;
};

static void watch_drop_ins(ConfigWatch *watch);

/* Whether anything changed. */
static bool watch_read(ConfigWatch *watch) {
        WorkerConfig *config = NULL;
        Problem problem = PROBLEM_NONE;

        watch_drop_ins(watch);
        if (worker_config_load(watch->path, &config, &problem) < 0) {
                if (strcmp(watch->fault, problem.text) == 0)
                        return false;
                memcpy(watch->fault, problem.text, sizeof watch->fault);
                log_error("%s", problem.text);
                log_error(watch->config ? "The configuration from before stays in force."
                                        : "Nothing is computed until that is mended.");
                return true;
        }
        if (watch->fault[0] != '\0')
                log_info("The configuration is in order again.");
        watch->fault[0] = '\0';
        worker_config_free(watch->config);
        watch->config = config;
        return true;
}

void config_watch_reload(ConfigWatch *watch) {
        if (watch_read(watch))
                watch->on_changed(watch->userdata);
}

static int watch_on_settled(sd_event_source *source, uint64_t usec, void *userdata) {
        config_watch_reload(userdata);
        return 0;
}

static void watch_settle(ConfigWatch *watch) {
        uint64_t when = clock_now_usec() + CONFIG_WATCH_SETTLE_USEC;

        if (watch->settle_timer) {
                (void) sd_event_source_set_time(watch->settle_timer, when);
                (void) sd_event_source_set_enabled(watch->settle_timer, SD_EVENT_ONESHOT);
        } else
                (void) sd_event_add_time(watch->event, &watch->settle_timer, CLOCK_BOOTTIME, when, USEC_PER_MSEC,
                                         watch_on_settled, watch);
}

static bool ends_with(const char *text, const char *end) {
        size_t n = strlen(text), m = strlen(end);

        return n >= m && strcmp(text + n - m, end) == 0;
}

/* Our file or the folder of drop-ins; the folder has other files, too. */
static int watch_on_folder(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        ConfigWatch *watch = userdata;
        const char *name = strrchr(watch->path, '/'), *drop_ins = strrchr(watch->drop_ins, '/');

        name = name ? name + 1 : watch->path;
        drop_ins = drop_ins ? drop_ins + 1 : watch->drop_ins;
        if (event->len == 0 || strcmp(event->name, name) == 0 || strcmp(event->name, drop_ins) == 0)
                watch_settle(watch);
        return 0;
}

static int watch_on_drop_in(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        if (event->len == 0 || ends_with(event->name, ".conf"))
                watch_settle(userdata);
        return 0;
}

/* The folder may be another one than before, or not be there. */
static void watch_drop_ins(ConfigWatch *watch) {
        int r;

        watch->drop_in_source = sd_event_source_disable_unref(watch->drop_in_source);
        r = sd_event_add_inotify(watch->event, &watch->drop_in_source, watch->drop_ins, FOLDER_EVENTS,
                                 watch_on_drop_in, watch);
        if (r < 0 && r != -ENOENT && r != -ENOTDIR)
                log_debug("%s cannot be watched: %s", watch->drop_ins, strerror(-r));
}

int config_watch_new(sd_event *event, const char *path, ConfigWatchChanged on_changed, void *userdata,
                     ConfigWatch **ret) {
        _cleanup_(config_watch_freep) ConfigWatch *watch = calloc(1, sizeof *watch);
        int r;

        if (!watch)
                return -ENOMEM;
        *watch = (ConfigWatch) { .event = sd_event_ref(event), .on_changed = on_changed, .userdata = userdata };
        watch->path = strdup(path);
        watch->folder = file_parent(path);
        if (!watch->path || !watch->folder || asprintf(&watch->drop_ins, "%s.d", path) < 0)
                return -ENOMEM;
        r = sd_event_add_inotify(event, &watch->folder_source, watch->folder, FOLDER_EVENTS, watch_on_folder, watch);
        if (r < 0)
                log_warning_errno(r, "%s cannot be watched; after a change, reload the service: %m", watch->folder);
        (void) watch_read(watch);
        *ret = TAKE_PTR(watch);
        return 0;
}

ConfigWatch *config_watch_free(ConfigWatch *watch) {
        if (!watch)
                return NULL;
        sd_event_source_disable_unref(watch->folder_source);
        sd_event_source_disable_unref(watch->drop_in_source);
        sd_event_source_disable_unref(watch->settle_timer);
        worker_config_free(watch->config);
        free(watch->path);
        free(watch->folder);
        free(watch->drop_ins);
        sd_event_unref(watch->event);
        free(watch);
        return NULL;
}

const WorkerConfig *config_watch_config(const ConfigWatch *watch) {
        return watch->config;
}

const char *config_watch_fault(const ConfigWatch *watch) {
        return watch->fault;
}
