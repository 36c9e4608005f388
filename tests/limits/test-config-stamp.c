/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every way in which a config can change changes its stamp. */

#include "limits/config-stamp.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static char folder[] = "/tmp/primed-test-stamp-XXXXXX", path[64], other[64], dropins[64], dropin[96],
        dropin_b[96];

static void write_file(const char *name, const char *text) {
        int fd;

        (void) usleep(20000); /* times of files are as coarse as the kernel's tick */
        fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        CHECK(write(fd, text, strlen(text)) == (ssize_t) strlen(text));
        CHECK(close(fd) == 0);
}

static uint64_t changed(uint64_t before) {
        uint64_t now = config_stamp(path);

        CHECK(now != before);
        CHECK(now == config_stamp(path));
        return now;
}

static void test_main_file(void) {
        uint64_t stamp = config_stamp(path);

        write_file(path, "cores = 1;");
        stamp = changed(stamp);
        write_file(path, "cores = 2;");
        stamp = changed(stamp);
        write_file(other, "cores = 3;");
        CHECK(config_stamp(path) == stamp);
        CHECK(rename(other, path) == 0);
        stamp = changed(stamp);
        CHECK(unlink(path) == 0);
        (void) changed(stamp);
}

static void test_dropins(void) {
        uint64_t stamp = config_stamp(path);

        CHECK(mkdir(dropins, 0700) == 0);
        CHECK(config_stamp(path) == stamp);
        write_file(dropin, "cores = 1;");
        stamp = changed(stamp);
        write_file(dropin, "cores = 2;");
        stamp = changed(stamp);
        CHECK(rename(dropin, dropin_b) == 0);
        stamp = changed(stamp);
        CHECK(unlink(dropin_b) == 0);
        (void) changed(stamp);
}

int main(void) {
        CHECK(mkdtemp(folder));
        (void) snprintf(path, sizeof path, "%s/worker.conf", folder);
        (void) snprintf(other, sizeof other, "%s/worker.conf~", folder);
        (void) snprintf(dropins, sizeof dropins, "%s/worker.conf.d", folder);
        (void) snprintf(dropin, sizeof dropin, "%s/10-a.conf", dropins);
        (void) snprintf(dropin_b, sizeof dropin_b, "%s/20-b.conf", dropins);
        RUN(test_main_file);
        RUN(test_dropins);
        CHECK(rmdir(dropins) == 0 && rmdir(folder) == 0);
        return tests_end();
}
