/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The profile's file: where it is, and that what is in it is never trusted. */

#include "worker/profile-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "test.h"

static char folder[] = "/tmp/primed-test-profile-XXXXXX";

static void check_path(const char *cache_directory, const char *xdg, const char *home, const char *expected) {
        const char *names[] = { "CACHE_DIRECTORY", "XDG_CACHE_HOME", "HOME" };
        const char *values[] = { cache_directory, xdg, home };
        _cleanup_free_ char *path = NULL;

        for (unsigned i = 0; i < 3; i++)
                CHECK((values[i] ? setenv(names[i], values[i], 1) : unsetenv(names[i])) == 0);
        path = profile_file_path();
        CHECK((path == NULL) == (expected == NULL));
        if (expected)
                CHECK_STRING(path, expected);
}

static void test_place(void) {
        check_path("/var/cache/primed", "/x", "/home/a", "/var/cache/primed/sieve-profile");
        check_path("/var/cache/primed:/var/cache/other", NULL, NULL, "/var/cache/primed/sieve-profile");
        check_path(NULL, "/x", "/home/a", "/x/primed/sieve-profile");
        check_path("", "relative", "/home/a", "/home/a/.cache/primed/sieve-profile");
        check_path(NULL, NULL, "/home/a:b", "/home/a:b/.cache/primed/sieve-profile");
        check_path(NULL, NULL, NULL, NULL);
        check_path(NULL, NULL, "", NULL);
}

static char *make_path(const char *name) {
        char *path;

        CHECK(asprintf(&path, "%s/%s", folder, name) > 0);
        return path;
}

static void test_comes_back(void) {
        _cleanup_free_ char *path = make_path("deep/er/profile");
        SieveProfile profile = sieve_profile_default(), found;
        Problem problem = PROBLEM_NONE;

        CHECK_EQUAL(profile_file_read(path, &found, &problem), -ENOENT);
        CHECK_STRING(problem.text, "");
        for (unsigned i = 1; i <= 2; i++) {
                profile.tuning.block_bytes = 8192 * i;
                CHECK_EQUAL(profile_file_write(path, &profile, &problem), 0);
                CHECK_EQUAL(profile_file_read(path, &found, &problem), 0);
                CHECK_EQUAL(found.tuning.block_bytes, 8192 * i);
        }
}

static void replace(const char *path, const void *data, size_t size) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        CHECK(fd >= 0 && write(fd, data, size) == (ssize_t) size && close(fd) == 0);
}

static void check_refused(const char *path, int error, const char *expected) {
        _cleanup_free_ char *sentence = NULL;
        Problem problem = PROBLEM_NONE;
        SieveProfile found;

        CHECK(asprintf(&sentence, "%s cannot be used: %s", path, expected) > 0);
        CHECK_EQUAL(profile_file_read(path, &found, &problem), error);
        CHECK_STRING(problem.text, sentence);
}

static void test_not_one(void) {
        _cleanup_free_ char *path = make_path("profile"), *text = NULL;
        SieveProfile profile = sieve_profile_default(), found;
        char large[PROFILE_TEXT_MAX + 1] = "";
        Problem problem = PROBLEM_NONE;
        size_t size;

        replace(path, "", 0);
        check_refused(path, -EINVAL, "it does not begin with \"primed sieve profile 2\"");
        CHECK_EQUAL(profile_file_write(path, &profile, NULL), 0);
        CHECK_EQUAL(file_read_whole(AT_FDCWD, path, PROFILE_TEXT_MAX, &text, &size), 0);
        replace(path, text, size / 2);
        check_refused(path, -EINVAL, "its checksum is wrong");
        text[size] = '\0';
        replace(path, text, size + 1);
        check_refused(path, -EINVAL, "it has bytes that are not text");
        replace(path, large, sizeof large);
        CHECK_EQUAL(profile_file_read(path, &found, &problem), -EFBIG);
        CHECK(problem.text[0] != '\0');
        free(text);
        text = sieve_profile_format(&profile, "another", PRIMED_VERSION);
        CHECK(text);
        replace(path, text, strlen(text));
        CHECK_EQUAL(profile_file_read(path, &found, NULL), -ESTALE);
}

static void test_prepare(void) {
        _cleanup_free_ char *path = make_path("some/where/profile"), *parent = make_path("some/where");
        struct stat status;

        CHECK_EQUAL(profile_file_prepare(path, NULL), 0);
        CHECK(stat(path, &status) < 0 && stat(parent, &status) == 0 && S_ISDIR(status.st_mode));
        CHECK_EQUAL(profile_file_prepare(path, NULL), 0);
        if (geteuid() == 0)
                return; /* may write everywhere */
        CHECK(chmod(parent, 0500) == 0);
        CHECK_EQUAL(profile_file_prepare(path, NULL), -EACCES);
        CHECK(chmod(parent, 0700) == 0);
}

static void test_no_place(void) {
        _cleanup_free_ char *file = make_path("file"), *path = make_path("file/profile");
        SieveProfile profile = sieve_profile_default();
        Problem problem = PROBLEM_NONE;

        replace(file, "x", 1);
        CHECK(profile_file_write(path, &profile, &problem) < 0);
        CHECK(strstr(problem.text, path) != NULL);
        problem = PROBLEM_NONE;
        CHECK(profile_file_prepare(path, &problem) < 0);
        CHECK(strstr(problem.text, path) != NULL);
}

/* Several write, one reads: what is there is always whole. */
static void test_many_writers(void) {
        _cleanup_free_ char *path = make_path("many");
        SieveProfile profile = sieve_profile_default(), found;
        pid_t pids[4];

        CHECK_EQUAL(profile_file_write(path, &profile, NULL), 0);
        for (unsigned i = 0; i < 4; i++) {
                pids[i] = fork();
                CHECK(pids[i] >= 0);
                if (pids[i] == 0) {
                        for (unsigned k = 0; k < 200; k++)
                                if (profile_file_write(path, &profile, NULL) < 0)
                                        _exit(1);
                        _exit(0);
                }
        }
        for (unsigned k = 0; k < 1000; k++)
                CHECK_EQUAL(profile_file_read(path, &found, NULL), 0);
        for (unsigned i = 0; i < 4; i++) {
                int status;

                CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
        }
}

int main(void) {
        char command[64];

        CHECK(mkdtemp(folder));
        RUN(test_place);
        RUN(test_comes_back);
        RUN(test_not_one);
        RUN(test_prepare);
        RUN(test_no_place);
        RUN(test_many_writers);
        (void) snprintf(command, sizeof command, "rm -rf '%s'", folder);
        CHECK(system(command) == 0);
        return tests_end();
}
