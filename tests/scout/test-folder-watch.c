/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scout/folder-watch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static sd_event *event;
static char folder[] = "/tmp/primed-watch-XXXXXX";
static char last_name[256];
static unsigned n_events;

static void on_changed(const char *name, void *userdata) {
        CHECK(userdata == &n_events);
        (void) snprintf(last_name, sizeof last_name, "%s", name);
        n_events++;
}

/* Dispatches what is there; the number of changes told. */
static unsigned settle(void) {
        n_events = 0;
        last_name[0] = '\0';
        while (sd_event_run(event, 20000) > 0)
                ;
        return n_events;
}

static const char *in_folder(const char *name) {
        static char path[300];

        (void) snprintf(path, sizeof path, "%s/%s", folder, name);
        return path;
}

static void write_file(const char *name) {
        FILE *file = fopen(in_folder(name), "we");

        CHECK(file && fputs("x", file) >= 0 && fclose(file) == 0);
}

static void test_each_way_of_saving(void) {
        _cleanup_(folder_watch_freep) FolderWatch *watch = NULL;
        char from[300];

        CHECK(folder_watch_new(event, folder, on_changed, &n_events, &watch) == 0);
        CHECK_EQUAL(settle(), 0);
        write_file("worker.conf");
        CHECK(settle() > 0);
        CHECK_STRING(last_name, "worker.conf");
        write_file("new");
        CHECK(settle() > 0);
        (void) snprintf(from, sizeof from, "%s", in_folder("new"));
        CHECK(rename(from, in_folder("worker.conf")) == 0);
        CHECK(settle() > 0);
        CHECK_STRING(last_name, "worker.conf");
        CHECK(chmod(in_folder("worker.conf"), 0600) == 0);
        CHECK(settle() > 0);
        CHECK(unlink(in_folder("worker.conf")) == 0);
        CHECK(settle() > 0);
        CHECK_STRING(last_name, "worker.conf");
}

static void test_reading_is_no_change(void) {
        _cleanup_(folder_watch_freep) FolderWatch *watch = NULL;
        char byte;
        int fd;

        write_file("worker.conf");
        CHECK(folder_watch_new(event, folder, on_changed, &n_events, &watch) == 0);
        fd = open(in_folder("worker.conf"), O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0 && read(fd, &byte, 1) == 1);
        (void) close(fd);
        CHECK_EQUAL(settle(), 0);
        CHECK(unlink(in_folder("worker.conf")) == 0);
}

static void test_folder_that_comes_and_goes(void) {
        _cleanup_(folder_watch_freep) FolderWatch *watch = NULL;
        char path[300];

        (void) snprintf(path, sizeof path, "%s", in_folder("worker.conf.d"));
        CHECK(folder_watch_new(event, path, on_changed, &n_events, &watch) == 0);
        CHECK(!folder_watch_refresh(watch));
        for (unsigned i = 0; i < 3; i++) {
                CHECK(mkdir(path, 0755) == 0);
                CHECK(folder_watch_refresh(watch));
                CHECK(!folder_watch_refresh(watch));
                write_file("worker.conf.d/a.conf");
                CHECK(settle() > 0);
                CHECK_STRING(last_name, "a.conf");
                CHECK(unlink(in_folder("worker.conf.d/a.conf")) == 0 && rmdir(path) == 0);
                CHECK(settle() > 0);
                CHECK(!folder_watch_refresh(watch));
        }
}

int main(void) {
        CHECK(sd_event_new(&event) >= 0 && mkdtemp(folder));
        RUN(test_each_way_of_saving);
        RUN(test_reading_is_no_change);
        RUN(test_folder_that_comes_and_goes);
        CHECK(rmdir(folder) == 0);
        sd_event_unref(event);
        return tests_end();
}
