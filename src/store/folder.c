/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The folder of a store: lock, writes, failures.
 *
 * Why a file that was found is first synced, then dropped from the page cache, then read (folder_adopt()): after a
 * failed fdatasync() Linux marks the pages clean although they never reached the disk. The process that saw the
 * failure stopped there, but its successor would read the good pages from memory, sync them with success, and
 * acknowledge blocks that vanish with the next power cut. Dropping clean pages makes it read what the disk has.
 */

#include "store/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/macro.h"

#define FOLDER_MODE 0755
#define FILE_MODE 0644
#define LOCK_MODE 0600

/* listing */

static int numbers_add(FolderNumbers *numbers, uint64_t number) {
        uint64_t *grown = reallocarray(numbers->numbers, numbers->n_numbers + 1, sizeof *grown);

        if (!grown)
                return -ENOMEM;
        grown[numbers->n_numbers++] = number;
        numbers->numbers = grown;
        return 0;
}

static int numbers_compare(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return (x > y) - (x < y);
}

/* And each once: a name that is given anew while a folder is read may come twice. */
static void numbers_sort(FolderNumbers *numbers) {
        size_t n = 0;

        if (numbers->n_numbers > 1)
                qsort(numbers->numbers, numbers->n_numbers, sizeof *numbers->numbers, numbers_compare);
        for (size_t i = 0; i < numbers->n_numbers; i++)
                if (n == 0 || numbers->numbers[i] != numbers->numbers[n - 1])
                        numbers->numbers[n++] = numbers->numbers[i];
        numbers->n_numbers = n;
}

void folder_listing_done(FolderListing *listing) {
        free(listing->sealed.numbers);
        free(listing->open.numbers);
        free(listing->spool.numbers);
        for (char **name = listing->unfinished; name && *name; name++)
                free(*name);
        free(listing->unfinished);
        *listing = (FolderListing) {};
}

static int listing_add_unfinished(FolderListing *listing, const char *name) {
        size_t n = 0;
        char **grown;

        while (listing->unfinished && listing->unfinished[n])
                n++;
        grown = reallocarray(listing->unfinished, n + 2, sizeof *grown);
        if (!grown)
                return -ENOMEM;
        listing->unfinished = grown;
        grown[n] = strdup(name);
        grown[n + 1] = NULL;
        return grown[n] ? 0 : -ENOMEM;
}

static int listing_add(FolderListing *listing, const char *name) {
        uint64_t number;

        switch (layout_parse_name(name, &number)) {
        case NAME_SEALED:
                return numbers_add(&listing->sealed, number);
        case NAME_OPEN:
                return numbers_add(&listing->open, number);
        case NAME_SPOOL:
                return numbers_add(&listing->spool, number);
        case NAME_UNFINISHED:
                return listing_add_unfinished(listing, name);
        case NAME_QUARANTINED:
                listing->n_quarantined++;
                return 0;
        case NAME_PLAIN:
                listing->has_job |= strcmp(name, LAYOUT_JOB) == 0;
                listing->has_manifest |= strcmp(name, LAYOUT_MANIFEST) == 0;
                listing->has_provenance |= strcmp(name, LAYOUT_PROVENANCE) == 0;
                return 0;
        case NAME_FOREIGN:
                /* The top of a file system of its own is a fine place for a store. */
                if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "lost+found") != 0)
                        listing->n_foreign++;
                return 0;
        }
        return 0;
}

int folder_list(int dir_fd, FolderListing *ret) {
        FolderListing listing = {};
        struct dirent *entry;
        DIR *dir;
        int fd, r = 0;

        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                r = -errno;
                (void) fd_close(fd);
                return r;
        }
        while (r >= 0) {
                errno = 0;
                entry = readdir(dir);
                if (!entry) {
                        r = -errno;
                        break;
                }
                r = listing_add(&listing, entry->d_name);
        }
        (void) closedir(dir);
        if (r < 0) {
                folder_listing_done(&listing);
                return r;
        }
        numbers_sort(&listing.sealed);
        numbers_sort(&listing.open);
        numbers_sort(&listing.spool);
        *ret = listing;
        return 0;
}

int folder_check_kind(const char *path, const char *name, int error, Problem *problem) {
        if (error != -ENOTSUP && error != -ELOOP && error != -EISDIR)
                return 0;
        return problem_set(problem, EBADMSG, "'%s' in the store '%s' is no regular file. Put back a copy of the file, "
                           "or let 'primectl verify --repair --store \"%s\"' put it aside and start the job again: "
                           "what is missing is then found again.", name, path, path);
}

/* opening */

/* Makes the name `path` durable in the directory that holds it. Returns that directory, which the caller frees. */
static int folder_sync_parent(const Disk *disk, const char *path, char **ret_parent) {
        _cleanup_free_ char *parent = file_parent(path);
        int fd, r;

        if (!parent)
                return -ENOMEM;
        fd = disk->open(disk, AT_FDCWD, parent, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return fd;
        r = disk->sync_directory(disk, fd);
        (void) disk->close(disk, fd);
        if (r >= 0)
                *ret_parent = TAKE_PTR(parent);
        return r;
}

/*
 * Before there is a store: who made the folder, or one above it, may have died before that was durable. A directory
 * that we may not read or write was made by somebody else.
 */
static int folder_settle_path(const Disk *disk, const char *path) {
        _cleanup_free_ char *name = strdup(path);

        for (int r = name ? 0 : -ENOMEM;;) {
                _cleanup_free_ char *parent = NULL;

                if (r >= 0)
                        r = folder_sync_parent(disk, name, &parent);
                if (r < 0)
                        return r == -EACCES || r == -EROFS || r == -EINVAL ? 0 : r;
                if (strcmp(name, parent) == 0 || strcmp(parent, ".") == 0)
                        return 0;
                free(name);
                name = TAKE_PTR(parent);
        }
}

/* Makes `path`, parents first; each new name is made durable in the directory that holds it. */
static int folder_make(const Disk *disk, const char *path) {
        _cleanup_free_ char *parent = NULL, *synced = NULL;
        struct stat st;
        int r;

        if (stat(path, &st) >= 0)
                return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
        if (errno != ENOENT)
                return -errno;
        parent = file_parent(path);
        if (!parent)
                return -ENOMEM;
        r = folder_make(disk, parent);
        if (r < 0)
                return r;
        r = disk->make_directory(disk, AT_FDCWD, path, FOLDER_MODE);
        if (r < 0)
                return r == -EEXIST ? 0 : r;
        return folder_sync_parent(disk, path, &synced);
}

static int folder_lock_busy(Folder *folder, Problem *problem) {
        char pid[32] = "";
        ssize_t n;

        n = folder->disk->pread_full(folder->disk, folder->lock_fd, pid, sizeof pid - 1, 0);
        pid[n < 0 ? 0 : n] = '\0';
        pid[strspn(pid, "0123456789")] = '\0';
        if (pid[0] == '\0')
                return problem_set(problem, EBUSY, "The store '%s' is in use by another process: wait for it, stop "
                                   "it, or choose another folder (--store, or 'store' in master.conf).", folder->path);
        return problem_set(problem, EBUSY, "The store '%s' is in use by the process with the pid %s: wait for it, stop "
                           "it, or choose another folder (--store, or 'store' in master.conf).", folder->path, pid);
}

/*
 * The pid in the file is for people: the lock itself is flock()'s and ends with the process, so that a stale file
 * means nothing. That it could not be written (a full disk) is no reason to fail. Who can read the file could lock it,
 * and keep us out: the owner alone can.
 */
static int folder_lock(Folder *folder, Problem *problem) {
        const Disk *disk = folder->disk;
        char pid[32];
        int n;

        folder->lock_fd = disk->open(disk, folder->fd, LAYOUT_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW, LOCK_MODE);
        if (folder->lock_fd < 0)
                return problem_set(problem, folder->lock_fd, "Cannot write to the folder '%s': %m. Choose another one, "
                                   "or mend its permissions.", folder->path);
        (void) fchmod(folder->lock_fd, LOCK_MODE); /* another user's folder, or none that has modes: as it is */
        if (flock(folder->lock_fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? folder_lock_busy(folder, problem)
                                            : problem_set(problem, errno, "Cannot lock the store '%s': %m. Choose a "
                                                          "folder on another file system.", folder->path);
        n = snprintf(pid, sizeof pid, "%ld\n", (long) getpid());
        (void) disk->truncate(disk, folder->lock_fd, 0);
        (void) disk->pwrite_all(disk, folder->lock_fd, pid, (size_t) n, 0);
        return 0;
}

/* Many things are called manifest. */
static bool file_is_ours(int dir_fd, const char *name) {
        _cleanup_close_ int fd = -1;
        char magic[LAYOUT_MAGIC_SIZE];

        fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
        return fd >= 0 && fd_pread_full(fd, magic, sizeof magic, 0) == (ssize_t) sizeof magic &&
               memcmp(magic, LAYOUT_MAGIC, sizeof magic) == 0;
}

static bool listing_is_of_store(const FolderListing *listing, int dir_fd) {
        return listing->sealed.n_numbers + listing->open.n_numbers + listing->spool.n_numbers > 0 ||
               (listing->has_manifest && file_is_ours(dir_fd, LAYOUT_MANIFEST)) ||
               (listing->has_provenance && file_is_ours(dir_fd, LAYOUT_PROVENANCE));
}

static int lost_job_problem(const char *path, Problem *problem) {
        return problem_set(problem, EBADMSG, "The store '%s' has lost its file 'job', without which the others cannot "
                           "be read: put the file 'job' back, from a copy or from another store of the same job (the "
                           "same numbers, the same number of blocks in a segment): there it is the same.", path);
}

int folder_check_lost_job(int dir_fd, const char *path, Problem *problem) {
        FolderListing listing;
        bool is_of_store;
        int r;

        r = folder_list(dir_fd, &listing);
        if (r < 0)
                return problem_set(problem, r, "Cannot read the folder '%s': %m.", path);
        is_of_store = listing_is_of_store(&listing, dir_fd);
        folder_listing_done(&listing);
        return is_of_store ? lost_job_problem(path, problem) : 0;
}

/* Before anything is written: files that are not ours mean that somebody mistook the folder. */
static int folder_check_contents(Folder *folder, bool *ret_has_job, Problem *problem) {
        FolderListing listing;
        int r;

        r = folder_list(folder->fd, &listing);
        if (r < 0)
                return problem_set(problem, r, "Cannot read the folder '%s': %m.", folder->path);
        if (!listing.has_job && listing_is_of_store(&listing, folder->fd))
                r = lost_job_problem(folder->path, problem);
        else if (!listing.has_job && (listing.n_foreign > 0 || listing.has_manifest || listing.has_provenance))
                r = problem_set(problem, EEXIST, "The folder '%s' has files in it but no file 'job': it is not a "
                                "store. Choose an empty or a new folder (--store, or 'store' in master.conf).",
                                folder->path);
        *ret_has_job = listing.has_job;
        folder_listing_done(&listing);
        return r;
}

int folder_open(const Disk *disk, const char *path, Folder **ret, Problem *problem) {
        Folder *folder = NULL;
        bool has_job = false;
        int r;

        folder = malloc(sizeof *folder);
        if (!folder)
                return problem_set(problem, ENOMEM, "Out of memory.");
        *folder = (Folder) { .disk = disk, .path = strdup(path), .fd = -1, .lock_fd = -1 };
        if (!folder->path) {
                folder_close(folder);
                return problem_set(problem, ENOMEM, "Out of memory.");
        }

        r = folder_make(disk, path);
        if (r >= 0)
                r = folder->fd = disk->open(disk, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
        if (r < 0)
                r = problem_set(problem, r, "Cannot make or open the folder '%s': %m. Choose another one, or mend its "
                                "permissions.", path);
        if (r >= 0)
                r = folder_check_contents(folder, &has_job, problem);
        if (r >= 0 && !has_job) {
                r = folder_settle_path(disk, path);
                if (r < 0)
                        r = problem_set(problem, r, "The disk could not keep the folder '%s': %m. Check it and start "
                                        "again.", path);
        }
        if (r >= 0)
                r = folder_lock(folder, problem);
        if (r < 0) {
                folder_close(folder);
                return r;
        }
        *ret = folder;
        return 0;
}

Folder *folder_close(Folder *folder) {
        if (!folder)
                return NULL;
        if (folder->lock_fd >= 0)
                (void) folder->disk->close(folder->disk, folder->lock_fd);
        if (folder->fd >= 0)
                (void) folder->disk->close(folder->disk, folder->fd);
        free(folder->path);
        free(folder);
        return NULL;
}

/* failures */

static bool error_is_lack_of_space(int error) {
        return error == -ENOSPC || error == -EDQUOT;
}

bool folder_failure_is_soft(const Folder *folder, int error) {
        return folder->failed == 0 && error_is_lack_of_space(error);
}

int folder_check(const Folder *folder, Problem *problem) {
        if (folder->failed == 0)
                return 0;
        return problem_set(problem, folder->failed, "Writing to the store '%s' failed before (%m): it has to be opened "
                           "again.", folder->path);
}

int folder_fail(Folder *folder, int error, Problem *problem) {
        if (folder->failed == 0)
                folder->failed = error;
        return problem_set(problem, error, "Writing to the store '%s' failed: %m. What was acknowledged is safe; mend "
                           "the cause and start again.", folder->path);
}

/* A write that failed: soft when it is for lack of space. */
static int folder_write_failed(Folder *folder, const char *name, int error, Problem *problem) {
        if (error_is_lack_of_space(error))
                return problem_set(problem, error, "No space left for '%s' in the store '%s' (%m): free some and start "
                                   "again; what was acknowledged is safe.", name, folder->path);
        if (folder->failed == 0)
                folder->failed = error;
        if (error == -EFBIG)
                return problem_set(problem, error, "Cannot write '%s' in the store '%s': %m. Raise the limit of file "
                                   "sizes ('ulimit -f unlimited', or LimitFSIZE= of the unit) and start again; what "
                                   "was acknowledged is safe.", name, folder->path);
        return problem_set(problem, error, "Cannot write '%s' in the store '%s': %m. What was acknowledged is safe; "
                           "mend the cause and start again.", name, folder->path);
}

static int folder_sync_failed(Folder *folder, const char *name, int error, Problem *problem) {
        if (folder->failed == 0)
                folder->failed = error;
        return problem_set(problem, error, "The disk could not keep '%s' of the store '%s': %m. What was acknowledged "
                           "is safe; check the disk and start again.", name, folder->path);
}

static int folder_sync_directory(Folder *folder, Problem *problem) {
        int r = folder->disk->sync_directory(folder->disk, folder->fd);

        return r < 0 ? folder_sync_failed(folder, "the folder itself", r, problem) : 0;
}

int folder_settle(Folder *folder, Problem *problem) {
        int r = folder_check(folder, problem);

        return r < 0 ? r : folder_sync_directory(folder, problem);
}

/* files */

int folder_publish(Folder *folder, const char *name, const void *data, size_t size, FolderFile *ret_file,
                   Problem *problem) {
        const Disk *disk = folder->disk;
        FolderFile file = { .end = size };
        char unfinished[LAYOUT_NAME_SIZE];
        int r;

        r = folder_check(folder, problem);
        if (r < 0)
                return r;
        (void) snprintf(file.name, sizeof file.name, "%s", name);
        if ((size_t) snprintf(unfinished, sizeof unfinished, "%s" LAYOUT_NEW_SUFFIX, name) >= sizeof unfinished)
                return folder_write_failed(folder, name, -ENAMETOOLONG, problem);
        file.fd = disk->open(disk, folder->fd, unfinished, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, FILE_MODE);
        if (file.fd < 0)
                return folder_write_failed(folder, name, file.fd, problem);

        r = disk->pwrite_all(disk, file.fd, data, size, 0);
        if (r < 0)
                r = folder_write_failed(folder, name, r, problem);
        else {
                r = disk->sync_data(disk, file.fd);
                if (r < 0)
                        r = folder_sync_failed(folder, name, r, problem);
        }
        if (r >= 0) {
                r = disk->rename(disk, folder->fd, unfinished, name);
                if (r < 0)
                        r = folder_write_failed(folder, name, r, problem);
        }
        if (r < 0) {
                folder_file_close(folder, &file);
                (void) disk->unlink(disk, folder->fd, unfinished);
                return r;
        }
        r = folder_sync_directory(folder, problem);
        if (r < 0 || !ret_file)
                folder_file_close(folder, &file);
        if (r >= 0 && ret_file)
                *ret_file = file;
        return r;
}

int folder_adopt(Folder *folder, const char *name, FolderFile *ret_file, Problem *problem) {
        FolderFile file = FOLDER_FILE_CLOSED;
        struct stat st;
        int r;

        r = folder_check(folder, problem);
        if (r < 0)
                return r;
        (void) snprintf(file.name, sizeof file.name, "%s", name);
        file.fd = folder->disk->open(folder->disk, folder->fd, name, O_RDWR | O_NOFOLLOW, 0);
        if (file.fd < 0) {
                r = folder_check_kind(folder->path, name, file.fd, problem);
                return r < 0 ? r : problem_set(problem, file.fd, "Cannot open '%s' in the store '%s' for writing: %m.",
                                               name, folder->path);
        }
        r = folder->disk->sync_data(folder->disk, file.fd);
        if (r < 0)
                r = folder_sync_failed(folder, name, r, problem);
        else if (fstat(file.fd, &st) < 0)
                r = problem_set(problem, errno, "Cannot read '%s' in the store '%s': %m.", name, folder->path);
        if (r < 0) {
                folder_file_close(folder, &file);
                return r;
        }
        (void) posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
        file.end = (uint64_t) st.st_size;
        *ret_file = file;
        return 0;
}

int folder_append(Folder *folder, FolderFile *file, const void *data, size_t size, Problem *problem) {
        int r;

        r = folder_check(folder, problem);
        if (r < 0)
                return r;
        file->dirty = true; /* a part may be written even when it fails */
        r = folder->disk->pwrite_all(folder->disk, file->fd, data, size, file->end);
        if (r < 0) {
                r = folder_write_failed(folder, file->name, r, problem);
                if (folder->failed == 0) {
                        int k = folder->disk->truncate(folder->disk, file->fd, file->end);

                        if (k < 0)
                                return folder_fail(folder, k, problem);
                }
                return r;
        }
        file->end += size;
        return 0;
}

int folder_cut(Folder *folder, FolderFile *file, uint64_t size, Problem *problem) {
        int r;

        r = folder_check(folder, problem);
        if (r < 0)
                return r;
        r = folder->disk->truncate(folder->disk, file->fd, size);
        if (r < 0)
                return folder_fail(folder, r, problem);
        file->end = size;
        file->dirty = true;
        return folder_sync(folder, file, problem);
}

int folder_sync(Folder *folder, FolderFile *file, Problem *problem) {
        int r;

        if (!file->dirty)
                return 0;
        r = folder_check(folder, problem);
        if (r < 0)
                return r;
        r = folder->disk->sync_data(folder->disk, file->fd);
        if (r < 0)
                return folder_sync_failed(folder, file->name, r, problem);
        file->dirty = false;
        return 0;
}

int folder_rename(Folder *folder, const char *from, const char *to, Problem *problem) {
        int r;

        r = folder_check(folder, problem);
        if (r < 0)
                return r;
        r = folder->disk->rename(folder->disk, folder->fd, from, to);
        return r < 0 ? folder_write_failed(folder, to, r, problem) : folder_sync_directory(folder, problem);
}

int folder_remove(Folder *folder, const char *name, Problem *problem) {
        int r;

        r = folder_check(folder, problem);
        if (r < 0)
                return r;
        r = folder->disk->unlink(folder->disk, folder->fd, name);
        return r < 0 && r != -ENOENT ? folder_write_failed(folder, name, r, problem) : 0;
}

ssize_t folder_read(Folder *folder, const FolderFile *file, void *data, size_t size, uint64_t offset) {
        return folder->disk->pread_full(folder->disk, file->fd, data, size, offset);
}

void folder_file_close(Folder *folder, FolderFile *file) {
        if (file->fd >= 0)
                (void) folder->disk->close(folder->disk, file->fd);
        file->fd = -1;
}
