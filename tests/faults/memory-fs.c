/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The file system in memory. The linker sends the calls of all objects and static libraries of the program to the
 * functions __wrap_…; descriptors from FD_FIRST on are ours, everything else goes on to the C library.
 */

#include "faults/memory-fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/macro.h"
#include "test.h"

#define FD_FIRST (1 << 20)
#define FDS_MAX 256
#define N_ROOT (sizeof MEMORY_ROOT - 1)

typedef struct Opened {
        bool used, locks, sync_failed;
        uint32_t file;
        size_t position; /* of read(); of a directory: the next name */
} Opened;

static struct {
        MemoryImage *image;
        MemoryLog *log;
        Opened opened[FDS_MAX];
        MemoryFile *durable; /* of each file, while calls are to fail */
        bool *stale;         /* the page cache shows what is not on the disk */
        size_t n_durable;
        bool failing;
        uint64_t calls_to_live; /* 0: dead; UINT64_MAX: for ever */
        uint64_t n_calls, fail_first, fail_end, n_failed, n_syncs_after_failure;
        struct dirent entry;
} fs;

/* failing */

void memory_fs_attach(MemoryImage *image, MemoryLog *log) {
        for (size_t i = 0; i < FDS_MAX; i++)
                CHECK(!fs.opened[i].used);
        for (size_t i = 0; i < fs.n_durable; i++)
                free(fs.durable[i].data);
        free(fs.durable);
        free(fs.stale);
        fs.durable = NULL;
        fs.stale = NULL;
        fs.n_durable = 0;
        fs.image = image;
        fs.log = log;
        fs.failing = false;
        memory_fs_mend();
}

void memory_fs_fail(uint64_t first, uint64_t end) {
        CHECK(fs.log != NULL && fs.image->n_files == 1);
        fs.failing = true;
        fs.n_calls = fs.n_failed = fs.n_syncs_after_failure = 0;
        fs.fail_first = first;
        fs.fail_end = end;
}

void memory_fs_die(uint64_t n_calls) {
        fs.calls_to_live = n_calls;
}

void memory_fs_mend(void) {
        fs.calls_to_live = UINT64_MAX;
        fs.fail_first = fs.fail_end = 0;
}

uint64_t memory_fs_n_failed(void) {
        return fs.n_failed;
}

uint64_t memory_fs_n_syncs_after_failure(void) {
        return fs.n_syncs_after_failure;
}

static bool call_fails(void) {
        if (fs.calls_to_live == 0)
                return true;
        if (fs.calls_to_live != UINT64_MAX)
                fs.calls_to_live--;
        if (!fs.failing)
                return false;
        fs.n_calls++;
        if (fs.n_calls < fs.fail_first || fs.n_calls >= fs.fail_end)
                return false;
        fs.n_failed++;
        return true;
}

/* What a sync of `file` writes, or would have written: the changes since the sync before. */
static void settle_durable(uint32_t file, bool written) {
        MemoryFile *durable;
        size_t begin;

        if (!fs.failing)
                return;
        if (file >= fs.n_durable) {
                size_t n = file + 64U;

                fs.durable = reallocarray(fs.durable, n, sizeof *fs.durable);
                fs.stale = reallocarray(fs.stale, n, sizeof *fs.stale);
                CHECK(fs.durable && fs.stale);
                memset(fs.durable + fs.n_durable, 0, (n - fs.n_durable) * sizeof *fs.durable);
                memset(fs.stale + fs.n_durable, 0, (n - fs.n_durable) * sizeof *fs.stale);
                fs.n_durable = n;
        }
        durable = fs.durable + file;
        for (begin = fs.log->n_changes; begin > 0; begin--) {
                const MemoryChange *change = fs.log->changes + begin - 1;

                if (change->file == file && (change->kind == MEMORY_SYNC || change->kind == MEMORY_LOST))
                        break;
        }
        for (; written && begin < fs.log->n_changes; begin++) {
                const MemoryChange *change = fs.log->changes + begin;

                if (change->file != file)
                        continue;
                if (change->kind == MEMORY_WRITE)
                        memory_file_write(durable, fs.log->bytes + change->data, change->size, (size_t) change->offset);
                else if (change->kind == MEMORY_TRUNCATE)
                        memory_file_resize(durable, (size_t) change->offset);
        }
        if (!written)
                fs.stale[file] = true;
}

/* Clean pages leave the cache; the size of a file is not in it. */
static void drop_pages(uint32_t file) {
        MemoryFile *live = fs.image->files + file, *durable;
        size_t size = live->size;

        if (!fs.failing || file >= fs.n_durable || !fs.stale[file])
                return;
        durable = fs.durable + file;
        live->size = 0;
        if (durable->size > 0)
                memory_file_write(live, durable->data, MIN(durable->size, size), 0);
        memory_file_resize(live, size);
        fs.stale[file] = false;
}

/* descriptors and paths */

static int fail(int error) {
        errno = error;
        return -1;
}

static Opened *opened_get(int fd) {
        if (fd < FD_FIRST || fd >= FD_FIRST + FDS_MAX)
                return NULL;
        CHECK(fs.opened[fd - FD_FIRST].used);
        return fs.opened + (fd - FD_FIRST);
}

static MemoryFile *opened_file(const Opened *opened) {
        return fs.image->files + opened->file;
}

static int opened_new(uint32_t file) {
        for (int i = 0; i < FDS_MAX; i++)
                if (!fs.opened[i].used) {
                        fs.opened[i] = (Opened) { .used = true, .file = file };
                        return FD_FIRST + i;
                }
        CHECK(!"a free descriptor");
}

/* Is this path ours? Then the directory and the last name in it; -1 where there is no such directory. */
static bool path_is_ours(int dir_fd, const char *path, int64_t *ret_directory, const char **ret_name) {
        const Opened *opened = opened_get(dir_fd);
        int64_t directory = 0;

        if (opened && path[0] != '/')
                directory = opened->file;
        else if (strncmp(path, MEMORY_ROOT, N_ROOT) == 0)
                path += N_ROOT + (path[N_ROOT] == '/');
        else
                return false;
        for (const char *slash; directory >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
                char name[MEMORY_NAME_SIZE];
                const MemoryName *found;

                CHECK((size_t) (slash - path) < sizeof name);
                memcpy(name, path, (size_t) (slash - path));
                name[slash - path] = '\0';
                found = memory_image_find(fs.image, (uint32_t) directory, name);
                directory = found && fs.image->files[found->file].is_directory ? (int64_t) found->file : -1;
        }
        *ret_directory = directory;
        *ret_name = path;
        return true;
}

/* The file, or -1. */
static int64_t path_find(int64_t directory, const char *name) {
        const MemoryName *found;

        if (directory < 0)
                return -1;
        if (name[0] == '\0' || strcmp(name, ".") == 0)
                return directory;
        found = memory_image_find(fs.image, (uint32_t) directory, name);
        return found ? (int64_t) found->file : -1;
}

static void describe_file(uint32_t number, struct stat *ret) {
        const MemoryFile *file = fs.image->files + number;

        *ret = (struct stat) {
                .st_mode = file->is_directory ? S_IFDIR | 0755 : S_IFREG | 0644,
                .st_ino = number + 1,
                .st_nlink = 1,
                .st_size = (off_t) file->size,
        };
}

/* the calls */

int __real_openat64(int dir_fd, const char *path, int flags, ...);
int __wrap_openat64(int dir_fd, const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

static int open_ours(int64_t directory, const char *name, int flags) {
        int64_t file = path_find(directory, name);

        if (file < 0) {
                if (!(flags & O_CREAT) || directory < 0)
                        return fail(ENOENT);
                if (call_fails())
                        return fail(EIO);
                file = memory_image_add_file(fs.image, false);
                memory_image_set_name(fs.image, (uint32_t) directory, name, (uint32_t) file);
                memory_log_add_name(fs.log, (uint32_t) directory, "", name, (uint32_t) file, false);
        } else if (flags & O_EXCL)
                return fail(EEXIST);
        if ((flags & O_DIRECTORY) && !fs.image->files[file].is_directory)
                return fail(ENOTDIR);
        if ((flags & O_TRUNC) && fs.image->files[file].size > 0) {
                fs.image->files[file].size = 0;
                memory_log_add(fs.log, MEMORY_TRUNCATE, (uint32_t) file, 0, NULL, 0);
        }
        return opened_new((uint32_t) file);
}

int __wrap_openat64(int dir_fd, const char *path, int flags, ...) {
        int64_t directory;
        const char *name;
        mode_t mode = 0;
        va_list arguments;

        va_start(arguments, flags);
        if (flags & O_CREAT)
                mode = va_arg(arguments, mode_t);
        va_end(arguments);
        if (path_is_ours(dir_fd, path, &directory, &name))
                return open_ours(directory, name, flags);
        return __real_openat64(dir_fd, path, flags, mode);
}

int __wrap_open64(const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list arguments;

        va_start(arguments, flags);
        if (flags & O_CREAT)
                mode = va_arg(arguments, mode_t);
        va_end(arguments);
        return __wrap_openat64(AT_FDCWD, path, flags, mode);
}

int __real_close(int fd);
int __wrap_close(int fd);

int __wrap_close(int fd) {
        Opened *opened = opened_get(fd);

        if (!opened)
                return __real_close(fd);
        opened->used = false;
        return 0;
}

int __real_fstat64(int fd, struct stat *ret);
int __wrap_fstat64(int fd, struct stat *ret);
int __real_fstatat64(int dir_fd, const char *path, struct stat *ret, int flags);
int __wrap_fstatat64(int dir_fd, const char *path, struct stat *ret, int flags);
int __wrap_stat64(const char *path, struct stat *ret);
int __real_faccessat(int dir_fd, const char *path, int mode, int flags);
int __wrap_faccessat(int dir_fd, const char *path, int mode, int flags);

int __wrap_fstat64(int fd, struct stat *ret) {
        const Opened *opened = opened_get(fd);

        if (!opened)
                return __real_fstat64(fd, ret);
        describe_file(opened->file, ret);
        return 0;
}

int __wrap_fstatat64(int dir_fd, const char *path, struct stat *ret, int flags) {
        int64_t directory, file;
        const char *name;

        if (!path_is_ours(dir_fd, path, &directory, &name))
                return __real_fstatat64(dir_fd, path, ret, flags);
        file = path_find(directory, name);
        if (file < 0)
                return fail(ENOENT);
        describe_file((uint32_t) file, ret);
        return 0;
}

int __wrap_stat64(const char *path, struct stat *ret) {
        return __wrap_fstatat64(AT_FDCWD, path, ret, 0);
}

int __wrap_faccessat(int dir_fd, const char *path, int mode, int flags) {
        int64_t directory;
        const char *name;

        if (!path_is_ours(dir_fd, path, &directory, &name))
                return __real_faccessat(dir_fd, path, mode, flags);
        return path_find(directory, name) < 0 ? fail(ENOENT) : 0;
}

ssize_t __real_pread64(int fd, void *data, size_t size, off_t offset);
ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t offset);
ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);

static ssize_t read_ours(const Opened *opened, void *data, size_t size, size_t offset) {
        const MemoryFile *file = opened_file(opened);
        size_t n = offset < file->size ? MIN(size, file->size - offset) : 0;

        if (file->is_directory)
                return fail(EISDIR);
        if (n > 0)
                memcpy(data, file->data + offset, n);
        return (ssize_t) n;
}

ssize_t __wrap_pread64(int fd, void *data, size_t size, off_t offset) {
        const Opened *opened = opened_get(fd);

        return opened ? read_ours(opened, data, size, (size_t) offset) : __real_pread64(fd, data, size, offset);
}

ssize_t __wrap_read(int fd, void *data, size_t size) {
        Opened *opened = opened_get(fd);
        ssize_t n;

        if (!opened)
                return __real_read(fd, data, size);
        n = read_ours(opened, data, size, opened->position);
        if (n > 0)
                opened->position += (size_t) n;
        return n;
}

ssize_t __real_pwrite64(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t offset);
int __real_ftruncate64(int fd, off_t size);
int __wrap_ftruncate64(int fd, off_t size);

ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t offset) {
        const Opened *opened = opened_get(fd);
        bool fails;

        if (!opened)
                return __real_pwrite64(fd, data, size, offset);
        fails = call_fails();
        if (fails && fs.calls_to_live == 0)
                return fail(EIO);
        if (fails)
                size /= 2;
        memory_file_write(opened_file(opened), data, size, (size_t) offset);
        memory_log_add(fs.log, MEMORY_WRITE, opened->file, (uint64_t) offset, data, size);
        return fails ? fail(EIO) : (ssize_t) size;
}

int __wrap_ftruncate64(int fd, off_t size) {
        const Opened *opened = opened_get(fd);

        if (!opened)
                return __real_ftruncate64(fd, size);
        if (call_fails())
                return fail(EIO);
        if (opened_file(opened)->size == (size_t) size)
                return 0;
        memory_file_resize(opened_file(opened), (size_t) size);
        memory_log_add(fs.log, MEMORY_TRUNCATE, opened->file, (uint64_t) size, NULL, 0);
        return 0;
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static int sync_ours(Opened *opened) {
        bool fails = call_fails();

        if (fails && fs.calls_to_live == 0)
                return fail(EIO);
        fs.n_syncs_after_failure += opened->sync_failed;
        settle_durable(opened->file, !fails);
        opened->sync_failed |= fails;
        /* Of a directory whose sync failed nothing is forgotten: a journal that cannot be written ends everything. */
        if (!fails || !opened_file(opened)->is_directory)
                memory_log_add(fs.log, fails ? MEMORY_LOST : MEMORY_SYNC, opened->file, 0, NULL, 0);
        return fails ? fail(EIO) : 0;
}

int __wrap_fdatasync(int fd) {
        Opened *opened = opened_get(fd);

        return opened ? sync_ours(opened) : __real_fdatasync(fd);
}

int __wrap_fsync(int fd) {
        Opened *opened = opened_get(fd);

        return opened ? sync_ours(opened) : __real_fsync(fd);
}

int __real_posix_fadvise64(int fd, off_t offset, off_t size, int advice);
int __wrap_posix_fadvise64(int fd, off_t offset, off_t size, int advice);

int __wrap_posix_fadvise64(int fd, off_t offset, off_t size, int advice) {
        const Opened *opened = opened_get(fd);

        if (!opened)
                return __real_posix_fadvise64(fd, offset, size, advice);
        if (advice == POSIX_FADV_DONTNEED)
                drop_pages(opened->file);
        return 0;
}

int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_unlinkat(int dir_fd, const char *path, int flags);
int __wrap_unlinkat(int dir_fd, const char *path, int flags);
int __real_mkdirat(int dir_fd, const char *path, mode_t mode);
int __wrap_mkdirat(int dir_fd, const char *path, mode_t mode);

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to) {
        int64_t from_directory, to_directory, file;
        const char *from_name, *to_name;

        if (!path_is_ours(from_fd, from, &from_directory, &from_name))
                return __real_renameat(from_fd, from, to_fd, to);
        CHECK(path_is_ours(to_fd, to, &to_directory, &to_name) && from_directory == to_directory);
        if (call_fails())
                return fail(EIO);
        file = path_find(from_directory, from_name);
        if (file < 0)
                return fail(ENOENT);
        memory_image_drop_name(fs.image, (uint32_t) from_directory, from_name);
        memory_image_set_name(fs.image, (uint32_t) to_directory, to_name, (uint32_t) file);
        memory_log_add_name(fs.log, (uint32_t) from_directory, from_name, to_name, (uint32_t) file, false);
        return 0;
}

int __wrap_unlinkat(int dir_fd, const char *path, int flags) {
        int64_t directory;
        const char *name;

        if (!path_is_ours(dir_fd, path, &directory, &name))
                return __real_unlinkat(dir_fd, path, flags);
        CHECK(flags == 0);
        if (call_fails())
                return fail(EIO);
        if (path_find(directory, name) < 0)
                return fail(ENOENT);
        memory_image_drop_name(fs.image, (uint32_t) directory, name);
        memory_log_add_name(fs.log, (uint32_t) directory, name, "", 0, false);
        return 0;
}

int __wrap_mkdirat(int dir_fd, const char *path, mode_t mode) {
        int64_t directory;
        const char *name;
        uint32_t file;

        if (!path_is_ours(dir_fd, path, &directory, &name))
                return __real_mkdirat(dir_fd, path, mode);
        if (directory < 0)
                return fail(ENOENT);
        if (path_find(directory, name) >= 0)
                return fail(EEXIST);
        if (call_fails())
                return fail(EIO);
        file = memory_image_add_file(fs.image, true);
        memory_image_set_name(fs.image, (uint32_t) directory, name, file);
        memory_log_add_name(fs.log, (uint32_t) directory, "", name, file, true);
        return 0;
}

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __real_statvfs64(const char *path, struct statvfs *ret);
int __wrap_statvfs64(const char *path, struct statvfs *ret);

int __wrap_flock(int fd, int operation) {
        Opened *opened = opened_get(fd);

        if (!opened)
                return __real_flock(fd, operation);
        for (size_t i = 0; i < FDS_MAX; i++)
                if (fs.opened[i].used && fs.opened[i].locks && fs.opened[i].file == opened->file)
                        return fail(EWOULDBLOCK);
        opened->locks = true;
        return 0;
}

int __wrap_fchmod(int fd, mode_t mode) {
        return opened_get(fd) ? 0 : __real_fchmod(fd, mode);
}

int __wrap_statvfs64(const char *path, struct statvfs *ret) {
        int64_t directory;
        const char *name;

        if (!path_is_ours(AT_FDCWD, path, &directory, &name))
                return __real_statvfs64(path, ret);
        *ret = (struct statvfs) { .f_bsize = 4096, .f_frsize = 4096, .f_blocks = 1U << 20, .f_bavail = 1U << 19 };
        return 0;
}

/* A directory stream of ours is its entry in the table of descriptors. */

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
struct dirent *__real_readdir64(DIR *stream);
struct dirent *__wrap_readdir64(DIR *stream);
int __real_closedir(DIR *stream);
int __wrap_closedir(DIR *stream);

static Opened *stream_get(DIR *stream) {
        for (size_t i = 0; i < FDS_MAX; i++)
                if ((void *) stream == (void *) (fs.opened + i))
                        return fs.opened + i;
        return NULL;
}

DIR *__wrap_opendir(const char *path) {
        int fd;

        if (strncmp(path, MEMORY_ROOT, N_ROOT) != 0)
                return __real_opendir(path);
        fd = __wrap_open64(path, O_RDONLY | O_DIRECTORY);
        return fd < 0 ? NULL : __wrap_fdopendir(fd);
}

DIR *__wrap_fdopendir(int fd) {
        Opened *opened = opened_get(fd);

        if (!opened)
                return __real_fdopendir(fd);
        opened->position = 0;
        return (DIR *) (void *) opened;
}

struct dirent *__wrap_readdir64(DIR *stream) {
        Opened *opened = stream_get(stream);

        if (!opened)
                return __real_readdir64(stream);
        while (opened->position < fs.image->n_names) {
                const MemoryName *name = fs.image->names + opened->position++;

                if (name->directory != opened->file)
                        continue;
                fs.entry = (struct dirent) { .d_ino = name->file + 1U };
                strcpy(fs.entry.d_name, name->name);
                return &fs.entry;
        }
        return NULL;
}

int __wrap_closedir(DIR *stream) {
        Opened *opened = stream_get(stream);

        if (!opened)
                return __real_closedir(stream);
        opened->used = false;
        return 0;
}
