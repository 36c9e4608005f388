/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Small files, read whole or refused. */

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "test.h"

static char directory[] = "/tmp/primed-test-file.XXXXXX";
static int directory_fd;

static void write_file(const char *name, const void *data, size_t size) {
        _cleanup_close_ int fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        CHECK(fd >= 0);
        CHECK(fd_write_all(fd, data, size) == 0);
}

static void test_read_adds_nul(void) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;

        write_file("text", "a\0b", 3);
        CHECK(file_read_whole(directory_fd, "text", 100, &text, &size) == 0);
        CHECK_EQUAL(size, 3);
        CHECK(memcmp(text, "a\0b", 4) == 0);
}

static void test_read_empty(void) {
        _cleanup_free_ char *text = NULL;

        write_file("empty", "", 0);
        CHECK(file_read_whole(directory_fd, "empty", 0, &text, NULL) == 0);
        CHECK_STRING(text, "");
}

static void test_read_keeps_the_limit(void) {
        _cleanup_free_ char *text = NULL;
        char *untouched = directory;

        write_file("four", "1234", 4);
        CHECK(file_read_whole(directory_fd, "four", 3, &untouched, NULL) == -EFBIG);
        CHECK(untouched == directory);
        CHECK(file_read_whole(directory_fd, "four", 4, &text, NULL) == 0);
}

static void test_read_refuses_what_is_no_file(void) {
        char *untouched = directory;

        CHECK(file_read_whole(directory_fd, "missing", 100, &untouched, NULL) == -ENOENT);
        CHECK(file_read_whole(directory_fd, ".", 100, &untouched, NULL) == -ENOTSUP);
        CHECK(file_read_whole(AT_FDCWD, "/dev/null", 100, &untouched, NULL) == -ENOTSUP);

        /* nobody writes to it: an open() that waits for one would never come back */
        CHECK(mkfifoat(directory_fd, "fifo", 0600) == 0);
        CHECK(file_read_whole(directory_fd, "fifo", 100, &untouched, NULL) == -ENOTSUP);
        CHECK(file_open_regular(directory_fd, "fifo", O_WRONLY, 0, NULL) == -ENOTSUP);
        CHECK(unlinkat(directory_fd, "fifo", 0) == 0);
        CHECK(untouched == directory);
}

/* The size of such a file is 0, whatever is in it. */
static void test_read_virtual(void) {
        _cleanup_free_ char *text = NULL, *cut = NULL;

        CHECK_EQUAL(file_read_virtual("/proc/self/stat", 65536, &text), 0);
        CHECK(strtol(text, NULL, 10) == getpid());
        CHECK_EQUAL(file_read_virtual("/proc/self/stat", 1, &cut), 0);
        CHECK_EQUAL(strlen(cut), 1);
        CHECK_EQUAL(file_read_virtual("/proc/self/there-is-no-such-file", 1, &cut), -ENOENT);
}

static void test_parent(void) {
        static const char *const cases[][2] = {
                { "a", "." },      { "a/b", "a" },    { "a/b/c", "a/b" }, { "/a", "/" },  { "/", "/" },
                { "a/b/", "a" },   { "a//b", "a" },   { "/a/b", "/a" },   { "./a", "." }, { "", "." },
        };

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                _cleanup_free_ char *parent = file_parent(cases[i][0]);

                CHECK(parent != NULL);
                CHECK_STRING(parent, cases[i][1]);
        }
}

static void test_replace(void) {
        char path[sizeof directory + 16], other[sizeof path + 8];
        _cleanup_free_ char *text = NULL, *again = NULL;
        mode_t mask = umask(077);
        struct stat st;

        (void) snprintf(path, sizeof path, "%s/replaced", directory);
        (void) snprintf(other, sizeof other, "%s.new", path);
        CHECK_EQUAL(file_replace(path, "one", 3, 0644), 0);
        CHECK_EQUAL(file_read_whole(AT_FDCWD, path, 10, &text, NULL), 0);
        CHECK_STRING(text, "one");
        CHECK(stat(path, &st) == 0);
        CHECK_EQUAL(st.st_mode & 0777, 0644);

        /* what an earlier process left behind is no obstacle, a link no way out of the folder */
        write_file("replaced.new", "longer than the new one", 23);
        CHECK_EQUAL(file_replace(path, "two", 3, 0600), 0);
        CHECK_EQUAL(file_read_whole(AT_FDCWD, path, 10, &again, NULL), 0);
        CHECK_STRING(again, "two");
        CHECK(access(other, F_OK) < 0);
        CHECK(symlink("text", other) == 0);
        CHECK_EQUAL(file_replace(path, "three", 5, 0600), -ELOOP);

        (void) umask(mask);
        (void) unlink(other);
        (void) unlink(path);
}

static void test_replace_tells_failures(void) {
        char path[sizeof directory + 16];

        (void) snprintf(path, sizeof path, "%s/no/file", directory);
        CHECK_EQUAL(file_replace(path, "one", 3, 0644), -ENOENT);
        CHECK_EQUAL(file_replace("/dev/full/x", "one", 3, 0644), -ENOTDIR);
}

int main(void) {
        CHECK(mkdtemp(directory) != NULL);
        directory_fd = open(directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        CHECK(directory_fd >= 0);

        RUN(test_read_adds_nul);
        RUN(test_read_empty);
        RUN(test_read_keeps_the_limit);
        RUN(test_read_refuses_what_is_no_file);
        RUN(test_replace);
        RUN(test_replace_tells_failures);
        RUN(test_read_virtual);
        RUN(test_parent);

        (void) unlinkat(directory_fd, "text", 0);
        (void) unlinkat(directory_fd, "empty", 0);
        (void) unlinkat(directory_fd, "four", 0);
        (void) rmdir(directory);
        return tests_end();
}
