/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scout/limits-error.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "test.h"

static char path[] = "/tmp/primed-limits-XXXXXX";

static int read_text(const char *text, char *ret_error, size_t size) {
        FILE *file = fopen(path, "we");

        CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
        return limits_error_read(path, ret_error, size);
}

static void test_error_is_read(void) {
        char error[64] = "x";

        CHECK_EQUAL(read_text("{\"set\": [\"CPUQuota\"], \"error\": \"worker.conf:3: no\", \"text\": {}}", error,
                              sizeof error),
                    0);
        CHECK_STRING(error, "worker.conf:3: no");
        CHECK_EQUAL(read_text("{\"set\": [], \"error\": \"\"}", error, sizeof error), 0);
        CHECK_STRING(error, "");
}

static void test_text_is_cut_and_plain(void) {
        char error[5];

        CHECK_EQUAL(read_text("{\"error\": \"abcdefgh\"}", error, sizeof error), 0);
        CHECK_STRING(error, "abcd");
        CHECK_EQUAL(read_text("{\"error\": \"a\\nb\"}", error, sizeof error), 0);
        CHECK(!strchr(error, '\n'));
}

static void test_nonsense(void) {
        static const char *const texts[] = { "", "{", "[]", "{}", "{\"error\": 3}", "{\"error\": null}", "\"error\"" };
        char error[64];

        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                error[0] = 'x';
                CHECK_EQUAL(read_text(texts[i], error, sizeof error), -EBADMSG);
                CHECK_STRING(error, "");
        }
}

static void test_missing(void) {
        char error[64] = "x";

        CHECK_EQUAL(limits_error_read("/nonexistent/limits", error, sizeof error), 0);
        CHECK_STRING(error, "");
}

int main(void) {
        int fd = mkstemp(path);

        CHECK(fd >= 0);
        (void) close(fd);
        RUN(test_error_is_read);
        RUN(test_text_is_cut_and_plain);
        RUN(test_nonsense);
        RUN(test_missing);
        (void) unlink(path);
        return tests_end();
}
