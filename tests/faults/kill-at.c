/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A library to preload: kills the process with SIGKILL at a chosen system call of the store.
 *
 *     KILL_AT_PROGRAM  only in processes of this name
 *     KILL_AT_WORD     only calls whose description has this word in it (a file name, "rename", …); "start" is
 *                      the start of the program
 *     KILL_AT_COUNT    at the nth of those
 *     KILL_AT_MODE     "before" the call, "after" it, or "torn": in the middle of a write
 *     KILL_AT_LOG      the description is appended to this file first
 */

/* Here both names of pwrite() are defined, so neither may stand for the other. */
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

typedef enum Mode { BEFORE, AFTER, TORN } Mode;

static long calls_left; /* 0: disarmed */
static Mode mode;
static const char *word, *log_path;

/* Is this the call? */
static int is_due(const char *description) {
        return calls_left > 0 && strstr(description, word) && --calls_left == 0;
}

static void die(const char *description) {
        if (log_path) {
                int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

                if (fd >= 0) {
                        (void) !write(fd, description, strlen(description));
                        (void) !write(fd, "\n", 1);
                }
        }
        (void) kill(getpid(), SIGKILL);
}

/* Of a call that cannot be torn. Returns whether the process is to die after it. */
static int before_call(const char *description) {
        int due = is_due(description);

        if (due && mode != AFTER)
                die(description);
        return due;
}

static void __attribute__((__constructor__)) arm(void) {
        const char *program = getenv("KILL_AT_PROGRAM"), *count = getenv("KILL_AT_COUNT"),
                   *how = getenv("KILL_AT_MODE");

        if (!program || !count || strcmp(program, program_invocation_short_name) != 0)
                return;
        word = getenv("KILL_AT_WORD") ?: "";
        log_path = getenv("KILL_AT_LOG");
        mode = how && strcmp(how, "after") == 0 ? AFTER : how && strcmp(how, "torn") == 0 ? TORN : BEFORE;
        calls_left = atol(count);
        if (is_due("start"))
                die("start");
}

/* "call /path/of/fd". */
static void describe_fd(const char *call, int fd, char *ret, size_t size) {
        char link[64], path[1024];
        ssize_t n;

        (void) snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof path - 1);
        path[n > 0 ? n : 0] = '\0';
        (void) snprintf(ret, size, "%s %s", call, path);
}

static void *next(const char *name) {
        void *function = dlsym(RTLD_NEXT, name);

        if (!function)
                abort();
        return function;
}

typedef ssize_t (*PwriteFunction)(int, const void *, size_t, off64_t);

static ssize_t killing_pwrite(int fd, const void *data, size_t size, off64_t offset) {
        PwriteFunction real = (PwriteFunction) next("pwrite64");
        char description[1200];
        ssize_t n;
        int due;

        if (calls_left == 0)
                return real(fd, data, size, offset);
        describe_fd("pwrite", fd, description, sizeof description);
        due = is_due(description);
        if (due && mode == BEFORE)
                die(description);
        n = real(fd, data, due && mode == TORN ? size / 2 : size, offset);
        if (due)
                die(description);
        return n;
}

__attribute__((__visibility__("default"))) ssize_t pwrite(int fd, const void *data, size_t size, off_t offset);
__attribute__((__visibility__("default"))) ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset);

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
        return killing_pwrite(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
        return killing_pwrite(fd, data, size, offset);
}

static int killing_sync(const char *name, int fd) {
        int (*real)(int) = (int (*)(int)) next(name), r, due;
        char description[1200];

        if (calls_left == 0)
                return real(fd);
        describe_fd(name, fd, description, sizeof description);
        due = before_call(description);
        r = real(fd);
        if (due)
                die(description);
        return r;
}

__attribute__((__visibility__("default"))) int fdatasync(int fd);
__attribute__((__visibility__("default"))) int fsync(int fd);

int fdatasync(int fd) {
        return killing_sync("fdatasync", fd);
}

int fsync(int fd) {
        return killing_sync("fsync", fd);
}

__attribute__((__visibility__("default"))) int renameat(int from_fd, const char *from, int to_fd, const char *to);
__attribute__((__visibility__("default"))) int unlinkat(int dir_fd, const char *path, int flags);

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
        int (*real)(int, const char *, int, const char *) =
                (int (*)(int, const char *, int, const char *)) next("renameat");
        char description[1200];
        int r, due;

        (void) snprintf(description, sizeof description, "rename %s -> %s", from, to);
        due = before_call(description);
        r = real(from_fd, from, to_fd, to);
        if (due)
                die(description);
        return r;
}

int unlinkat(int dir_fd, const char *path, int flags) {
        int (*real)(int, const char *, int) = (int (*)(int, const char *, int)) next("unlinkat");
        char description[1200];
        int r, due;

        (void) snprintf(description, sizeof description, "unlink %s", path);
        due = before_call(description);
        r = real(dir_fd, path, flags);
        if (due)
                die(description);
        return r;
}

static int killing_truncate(int fd, off64_t size) {
        int (*real)(int, off64_t) = (int (*)(int, off64_t)) next("ftruncate64"), r, due;
        char description[1200];

        if (calls_left == 0)
                return real(fd, size);
        describe_fd("truncate", fd, description, sizeof description);
        due = before_call(description);
        r = real(fd, size);
        if (due)
                die(description);
        return r;
}

__attribute__((__visibility__("default"))) int ftruncate(int fd, off_t size);
__attribute__((__visibility__("default"))) int ftruncate64(int fd, off64_t size);

int ftruncate(int fd, off_t size) {
        return killing_truncate(fd, size);
}

int ftruncate64(int fd, off64_t size) {
        return killing_truncate(fd, size);
}

/* Only what makes a file. */
static int killing_open(int dir_fd, const char *path, int flags, mode_t file_mode) {
        int (*real)(int, const char *, int, ...) = (int (*)(int, const char *, int, ...)) next("openat64"), r, due;
        char description[1200];

        if (calls_left == 0 || !(flags & O_CREAT))
                return real(dir_fd, path, flags, file_mode);
        (void) snprintf(description, sizeof description, "create %s", path);
        due = before_call(description);
        r = real(dir_fd, path, flags, file_mode);
        if (due)
                die(description);
        return r;
}

__attribute__((__visibility__("default"))) int openat(int dir_fd, const char *path, int flags, ...);
__attribute__((__visibility__("default"))) int openat64(int dir_fd, const char *path, int flags, ...);
__attribute__((__visibility__("default"))) int mkdirat(int dir_fd, const char *path, mode_t file_mode);

int openat(int dir_fd, const char *path, int flags, ...) {
        va_list arguments;
        mode_t file_mode;

        va_start(arguments, flags);
        file_mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
        va_end(arguments);
        return killing_open(dir_fd, path, flags, file_mode);
}

int openat64(int dir_fd, const char *path, int flags, ...) {
        va_list arguments;
        mode_t file_mode;

        va_start(arguments, flags);
        file_mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
        va_end(arguments);
        return killing_open(dir_fd, path, flags, file_mode);
}

int mkdirat(int dir_fd, const char *path, mode_t file_mode) {
        int (*real)(int, const char *, mode_t) = (int (*)(int, const char *, mode_t)) next("mkdirat"), r, due;
        char description[1200];

        (void) snprintf(description, sizeof description, "mkdir %s", path);
        due = before_call(description);
        r = real(dir_fd, path, file_mode);
        if (due)
                die(description);
        return r;
}
