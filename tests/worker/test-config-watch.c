/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The config file as people and their editors save it. */

#include "worker/config-watch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "test.h"

typedef struct Stage {
        sd_event *event;
        ConfigWatch *watch;
        char folder[64], path[96];
        unsigned n_changes;
} Stage;

static void on_changed(void *userdata) {
        Stage *stage = userdata;

        stage->n_changes++;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

static void save(Stage *stage, const char *name, const char *text) {
        char path[PATH_MAX];
        _cleanup_close_ int fd = -1;

        (void) snprintf(path, sizeof path, "%s/%s", stage->folder, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        CHECK(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0);
}

static void stage_init(Stage *stage, const char *text) {
        *stage = (Stage) { .folder = "/tmp/test-config-watch-XXXXXX" };
        CHECK(mkdtemp(stage->folder) && sd_event_new(&stage->event) >= 0);
        (void) snprintf(stage->path, sizeof stage->path, "%s/worker.conf", stage->folder);
        if (text)
                save(stage, "worker.conf", text);
        CHECK(config_watch_new(stage->event, stage->path, on_changed, stage, &stage->watch) >= 0);
        CHECK_EQUAL(stage->n_changes, 0);
}

static void stage_done(Stage *stage) {
        config_watch_free(stage->watch);
        sd_event_unref(stage->event);
        (void) nftw(stage->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void run_for(Stage *stage, usec_t span) {
        usec_t end = clock_now_usec() + span;

        while (clock_now_usec() < end)
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
}

static void wait_cores(Stage *stage, unsigned cores) {
        usec_t end = clock_now_usec() + TEST_PATIENCE(10);

        while (!config_watch_config(stage->watch) || config_watch_config(stage->watch)->cores != cores) {
                CHECK(clock_now_usec() < end);
                CHECK(sd_event_run(stage->event, 10 * USEC_PER_MSEC) >= 0);
        }
}

static void test_saving_is_enough(void) {
        Stage stage;

        stage_init(&stage, "cores = 2;\n");
        CHECK_EQUAL(config_watch_config(stage.watch)->cores, 2);
        save(&stage, "worker.conf", "cores = 3;\n");
        wait_cores(&stage, 3);

        /* several steps of one saving are one change */
        stage.n_changes = 0;
        save(&stage, "worker.conf", "");
        save(&stage, "worker.conf", "cores = 4;\n");
        run_for(&stage, 3 * CONFIG_WATCH_SETTLE_USEC);
        CHECK_EQUAL(stage.n_changes, 1);
        wait_cores(&stage, 4);
        stage_done(&stage);
}

static void test_editors_that_rename(void) {
        char from[PATH_MAX];
        Stage stage;

        stage_init(&stage, "cores = 2;\n");
        (void) snprintf(from, sizeof from, "%s/.worker.conf.swp", stage.folder);
        for (unsigned i = 3; i < 6; i++) { /* again and again: no watch is left behind */
                char text[32];

                (void) snprintf(text, sizeof text, "cores = %u;\n", i);
                save(&stage, ".worker.conf.swp", text);
                CHECK(rename(from, stage.path) == 0);
                wait_cores(&stage, i);
        }
        CHECK(unlink(stage.path) == 0);
        wait_cores(&stage, 0);
        stage_done(&stage);
}

static void test_drop_ins_come_and_go(void) {
        char folder[PATH_MAX], file[PATH_MAX];
        Stage stage;

        stage_init(&stage, NULL);
        CHECK_EQUAL(config_watch_config(stage.watch)->cores, 0);
        (void) snprintf(folder, sizeof folder, "%s.d", stage.path);
        (void) snprintf(file, sizeof file, "%s.d/10-cores.conf", stage.path);
        for (unsigned i = 1; i < 3; i++) {
                CHECK(mkdir(folder, 0755) == 0);
                run_for(&stage, 2 * CONFIG_WATCH_SETTLE_USEC);
                save(&stage, "worker.conf.d/10-cores.conf", i == 1 ? "cores = 1;\n" : "cores = 2;\n");
                wait_cores(&stage, i);
                CHECK(unlink(file) == 0 && rmdir(folder) == 0);
                wait_cores(&stage, 0);
        }
        /* made with something in it */
        CHECK(mkdir(folder, 0755) == 0);
        save(&stage, "worker.conf.d/10-cores.conf", "cores = 7;\n");
        wait_cores(&stage, 7);

        /* what is no drop-in is none of our business */
        stage.n_changes = 0;
        save(&stage, "worker.conf.d/README", "cores = 9;\n");
        save(&stage, "master.conf", "cores = 9;\n");
        run_for(&stage, 3 * CONFIG_WATCH_SETTLE_USEC);
        CHECK_EQUAL(stage.n_changes, 0);
        stage_done(&stage);
}

static void test_a_mistake_keeps_what_was(void) {
        Stage stage;

        stage_init(&stage, "cores = 2;\n");
        CHECK_STRING(config_watch_fault(stage.watch), "");
        save(&stage, "worker.conf", "cores = \"two\";\n");
        run_for(&stage, 3 * CONFIG_WATCH_SETTLE_USEC);
        CHECK_EQUAL(config_watch_config(stage.watch)->cores, 2);
        CHECK(strstr(config_watch_fault(stage.watch), "worker.conf:1"));
        CHECK_EQUAL(stage.n_changes, 1);

        /* saved again as it is: nothing new is told */
        save(&stage, "worker.conf", "cores = \"two\";\n");
        run_for(&stage, 3 * CONFIG_WATCH_SETTLE_USEC);
        CHECK_EQUAL(stage.n_changes, 1);

        save(&stage, "worker.conf", "cores = 5;\n");
        wait_cores(&stage, 5);
        CHECK_STRING(config_watch_fault(stage.watch), "");
        stage_done(&stage);
}

static void test_broken_from_the_beginning(void) {
        Stage stage;

        stage_init(&stage, "cors = 2;\n");
        CHECK(config_watch_config(stage.watch) == NULL);
        CHECK(config_watch_fault(stage.watch)[0] != '\0');
        save(&stage, "worker.conf", "cores = 2;\n");
        wait_cores(&stage, 2);
        stage_done(&stage);
}

static void test_reload_reads_at_once(void) {
        Stage stage;

        stage_init(&stage, "cores = 2;\n");
        save(&stage, "worker.conf", "cores = 3;\n");
        config_watch_reload(stage.watch);
        CHECK_EQUAL(config_watch_config(stage.watch)->cores, 3);
        CHECK_EQUAL(stage.n_changes, 1);
        stage_done(&stage);
}

int main(void) {
        RUN(test_saving_is_enough);
        RUN(test_editors_that_rename);
        RUN(test_drop_ins_come_and_go);
        RUN(test_a_mistake_keeps_what_was);
        RUN(test_broken_from_the_beginning);
        RUN(test_reload_reads_at_once);
        return tests_end();
}
