/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The files of an export.
 *
 * Only the last file that is there may be a part of what it should be: the store has grown since it was written. Were
 * it any other, the folder would hold an export with fewer primes in a file, and we would overwrite it one by one.
 */

#include "ctl/export-folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/macro.h"
#include "base/text.h"

#define SUMS "SHA256SUMS"
#define NEW ".new"
#define FILES_MAX UINT64_C(1000000) /* six digits, so that names sort */
#define NAME_SIZE 64
#define PIECE_SIZE ((size_t) 256 << 10)

struct ExportFolder {
        const char *suffix;
        char *path;
        int fd;
        uint64_t n_found;   /* one more than the number of the last file that was there; 0: none */

        char name[NAME_SIZE], new_name[NAME_SIZE + sizeof NEW]; /* of the current file */
        bool in_file;
        int old_fd, new_fd; /* it is there and compared; it is written. -1: not so */
        uint64_t n_file;    /* bytes until now */
        Sha256 *sha256;
        char *piece;        /* PIECE_SIZE */

        ExportTotals totals;
        FILE *sums;
        char *sums_text;
        size_t n_sums_text;
        bool has_changed; /* SHA256SUMS is gone */
};

static int folder_fail(const ExportFolder *folder, const char *name, int error, Problem *problem) {
        if (error == -ENOSPC || error == -EDQUOT)
                return problem_set(problem, error, "Cannot write '%s/%s': %m. Make room, and run the same command "
                                   "again: it goes on with this file.", folder->path, name);
        if (error == -EFBIG)
                return problem_set(problem, error, "Cannot write '%s/%s': %m. Raise the limit of file sizes ('ulimit "
                                   "-f unlimited'), or write fewer primes to each file (--per-file), and run the same "
                                   "command again.", folder->path, name);
        return problem_set(problem, error, "Cannot write '%s/%s': %m. When that is mended, run the same command "
                           "again: it goes on with this file.", folder->path, name);
}

static int folder_refuse(const ExportFolder *folder, const char *name, Problem *problem) {
        return problem_set(problem, EEXIST, "'%s/%s' is not what this export would write: it is damaged, or belongs to "
                           "an export of another store, interval or size. Delete it and run the same command again, "
                           "or name another folder.", folder->path, name);
}

/* opening */

static void file_name(const ExportFolder *folder, uint64_t number, char name[static NAME_SIZE]) {
        (void) snprintf(name, NAME_SIZE, "primes-%06" PRIu64 ".%s", number, folder->suffix);
}

/* Whether it belongs to an export; and whether it is a file with primes, or one that was begun. */
static bool is_ours(const ExportFolder *folder, const char *entry, bool *ret_is_whole, bool *ret_is_begun,
                    uint64_t *ret_number) {
        char name[NAME_SIZE], new_name[NAME_SIZE + sizeof NEW];

        *ret_is_whole = *ret_is_begun = false;
        if (strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0 || strcmp(entry, SUMS) == 0 ||
            strcmp(entry, SUMS NEW) == 0)
                return true;
        if (strncmp(entry, "primes-", 7) != 0 || strspn(entry + 7, "0123456789") != 6)
                return false;
        *ret_number = strtoul(entry + 7, NULL, 10);
        file_name(folder, *ret_number, name);
        (void) snprintf(new_name, sizeof new_name, "%s%s", name, NEW);
        *ret_is_whole = strcmp(entry, name) == 0;
        *ret_is_begun = strcmp(entry, new_name) == 0;
        return *ret_is_whole || *ret_is_begun;
}

static int folder_list(ExportFolder *folder, Problem *problem) {
        const struct dirent *entry;
        int fd, r = 0;
        DIR *dir;

        fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
                r = -errno;
                (void) fd_close(fd);
                return problem_set(problem, r, "Cannot list the folder '%s': %m.", folder->path);
        }
        while (r >= 0 && (entry = readdir(dir))) {
                bool is_whole, is_begun;
                uint64_t number;

                if (!is_ours(folder, entry->d_name, &is_whole, &is_begun, &number))
                        r = problem_set(problem, EEXIST, "The folder '%s' has a file '%s', which is no part of this "
                                        "export. Name an empty folder, or one that is not there yet.", folder->path,
                                        entry->d_name);
                else if (is_whole)
                        folder->n_found = MAX(folder->n_found, number + 1);
                else if (is_begun) /* by an export that was killed: the lock is ours */
                        (void) unlinkat(folder->fd, entry->d_name, 0);
        }
        (void) closedir(dir);
        return r;
}

int export_folder_open(const char *path, const char *suffix, ExportFolder **ret, Problem *problem) {
        _cleanup_(export_folder_closep) ExportFolder *folder = malloc(sizeof *folder);
        int r;

        if (!folder)
                return problem_set(problem, ENOMEM, "Out of memory.");
        *folder = (ExportFolder) { .suffix = suffix, .fd = -1, .old_fd = -1, .new_fd = -1 };
        folder->path = strdup(path);
        folder->piece = malloc(PIECE_SIZE);
        folder->sha256 = sha256_new();
        folder->sums = open_memstream(&folder->sums_text, &folder->n_sums_text);
        if (!folder->path || !folder->piece || !folder->sha256 || !folder->sums)
                return problem_set(problem, ENOMEM, "Out of memory.");

        if (mkdir(path, 0777) < 0 && errno != EEXIST)
                return problem_set(problem, errno, "Cannot make the folder '%s': %m.", path);
        folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder->fd < 0)
                return problem_set(problem, errno, "Cannot open the folder '%s': %m.", path);
        if (flock(folder->fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK
                        ? problem_set(problem, EBUSY, "Another export is writing to the folder '%s'.", path)
                        : problem_set(problem, errno, "Cannot lock the folder '%s': %m.", path);
        r = folder_list(folder, problem);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(folder);
        return 0;
}

ExportFolder *export_folder_close(ExportFolder *folder) {
        if (!folder)
                return NULL;
        if (folder->new_fd >= 0)
                (void) unlinkat(folder->fd, folder->new_name, 0);
        (void) fd_close(folder->new_fd);
        (void) fd_close(folder->old_fd);
        (void) fd_close(folder->fd);
        sha256_free(folder->sha256);
        if (folder->sums)
                (void) fclose(folder->sums);
        free(folder->sums_text);
        free(folder->piece);
        free(folder->path);
        free(folder);
        return NULL;
}

const char *export_folder_current(const ExportFolder *folder) {
        return folder->in_file ? folder->name : "";
}

/* files */

static int folder_begin_new(ExportFolder *folder, Problem *problem) {
        folder->new_fd = openat(folder->fd, folder->new_name,
                                O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
        return folder->new_fd < 0 ? folder_fail(folder, folder->new_name, -errno, problem) : 0;
}

int export_folder_begin_file(ExportFolder *folder, Problem *problem) {
        uint64_t number = folder->totals.n_files;

        assert(!folder->in_file);
        if (number >= FILES_MAX)
                return problem_set(problem, EFBIG, "These are more than %" PRIu64 " files: give a larger --per-file, "
                                   "and another folder.", FILES_MAX);
        file_name(folder, number, folder->name);
        (void) snprintf(folder->new_name, sizeof folder->new_name, "%s%s", folder->name, NEW);
        folder->n_file = 0;
        folder->in_file = true;
        folder->old_fd = file_open_regular(folder->fd, folder->name, O_RDONLY | O_NOFOLLOW, 0, NULL);
        if (folder->old_fd >= 0)
                return 0;
        if (folder->old_fd != -ENOENT)
                return problem_set(problem, folder->old_fd, "Cannot read '%s/%s': %m.", folder->path, folder->name);
        return folder_begin_new(folder, problem);
}

/* The file that is there ends too early: a new one begins like it. */
static int folder_extend(ExportFolder *folder, Problem *problem) {
        uint64_t done = 0;
        int r;

        if (folder->totals.n_files + 1 < folder->n_found)
                return folder_refuse(folder, folder->name, problem);
        r = folder_begin_new(folder, problem);
        while (r >= 0 && done < folder->n_file) {
                ssize_t n = fd_pread_full(folder->old_fd, folder->piece,
                                          (size_t) MIN(folder->n_file - done, (uint64_t) PIECE_SIZE), done);

                if (n <= 0)
                        return problem_set(problem, n < 0 ? (int) n : EIO, "Cannot read '%s/%s': %m.", folder->path,
                                           folder->name);
                r = fd_write_all(folder->new_fd, folder->piece, (size_t) n);
                if (r < 0)
                        return folder_fail(folder, folder->name, r, problem);
                done += (uint64_t) n;
        }
        if (r < 0)
                return r;
        folder->old_fd = fd_close(folder->old_fd);
        return 0;
}

/* How many of the bytes the file that is there has, and has right: `size`, or less when it ends there. */
static int folder_compare(ExportFolder *folder, const char *data, size_t size, size_t *ret, Problem *problem) {
        size_t done = 0;

        while (done < size) {
                size_t wanted = MIN(size - done, PIECE_SIZE);
                ssize_t n = fd_read_full(folder->old_fd, folder->piece, wanted);

                if (n < 0)
                        return problem_set(problem, (int) n, "Cannot read '%s/%s': %m.", folder->path, folder->name);
                if (memcmp(folder->piece, data + done, (size_t) n) != 0)
                        return folder_refuse(folder, folder->name, problem);
                done += (size_t) n;
                if ((size_t) n < wanted)
                        break;
        }
        *ret = done;
        return 0;
}

int export_folder_write(ExportFolder *folder, const char *data, size_t size, Problem *problem) {
        size_t there = 0;
        int r;

        sha256_update(folder->sha256, data, size);
        folder->totals.n_bytes += size;
        if (folder->old_fd >= 0) {
                r = folder_compare(folder, data, size, &there, problem);
                if (r < 0)
                        return r;
                folder->n_file += there;
                if (there == size)
                        return 0;
                r = folder_extend(folder, problem);
                if (r < 0)
                        return r;
        }
        r = fd_write_all(folder->new_fd, data + there, size - there);
        if (r < 0)
                return folder_fail(folder, folder->name, r, problem);
        folder->n_file += size - there;
        return 0;
}

/* Gives the new file its name. */
static int folder_publish(ExportFolder *folder, Problem *problem) {
        if (fsync(folder->new_fd) < 0)
                return folder_fail(folder, folder->name, -errno, problem);
        if (!folder->has_changed) {
                /* It tells of other files, or of fewer. */
                if (unlinkat(folder->fd, SUMS, 0) < 0 && errno != ENOENT)
                        return folder_fail(folder, SUMS, -errno, problem);
                folder->has_changed = true;
        }
        if (renameat(folder->fd, folder->new_name, folder->fd, folder->name) < 0)
                return folder_fail(folder, folder->name, -errno, problem);
        folder->new_fd = fd_close(folder->new_fd);
        return 0;
}

int export_folder_end_file(ExportFolder *folder, Problem *problem) {
        uint8_t digest[SHA256_SIZE];
        char hex[2 * SHA256_SIZE + 1];
        int r;

        if (folder->old_fd >= 0) {
                if (fd_read_full(folder->old_fd, folder->piece, 1) != 0)
                        return folder_refuse(folder, folder->name, problem);
                folder->old_fd = fd_close(folder->old_fd);
                folder->totals.n_kept++;
        } else {
                r = folder_publish(folder, problem);
                if (r < 0)
                        return r;
        }
        sha256_finish(folder->sha256, digest);
        if (fprintf(folder->sums, "%s  %s\n", text_hex(digest, sizeof digest, hex), folder->name) < 0)
                return problem_set(problem, ENOMEM, "Out of memory.");
        folder->totals.n_files++;
        folder->in_file = false;
        return 0;
}

int export_folder_finish(ExportFolder *folder, ExportTotals *ret, Problem *problem) {
        _cleanup_free_ char *path = NULL;
        char name[NAME_SIZE];
        int r;

        if (folder->n_found > folder->totals.n_files) {
                file_name(folder, folder->n_found - 1, name);
                return folder_refuse(folder, name, problem);
        }
        if (fsync(folder->fd) < 0)
                return folder_fail(folder, "", -errno, problem);
        if (folder->totals.n_files > 0) {
                if (fflush(folder->sums) < 0 || asprintf(&path, "%s/%s", folder->path, SUMS) < 0)
                        return problem_set(problem, ENOMEM, "Out of memory.");
                r = file_replace(path, folder->sums_text, folder->n_sums_text, 0644);
                if (r < 0)
                        return folder_fail(folder, SUMS, r, problem);
        }
        *ret = folder->totals;
        return 0;
}
