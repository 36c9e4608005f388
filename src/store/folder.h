/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The folder of a store, open for writing: the lock, every write, and what happens when one fails.
 *
 * Two kinds of failure. Lack of space (-ENOSPC, -EDQUOT) while writing is soft: what was written of the piece is
 * taken back, and the next try may succeed. Everything else, and any failure of a sync, is hard: `failed` is set
 * and from then on no function here touches the disk any more. So no descriptor is ever synced again after its
 * sync failed, whatever the caller does.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/problem.h"
#include "store/disk.h"
#include "store/layout.h"

typedef struct Folder {
        const Disk *disk;
        char *path; /* as it was given, for sentences */
        int fd, lock_fd;
        int failed; /* the first hard failure, as negative errno */
        uint8_t job_digest[SHA256_SIZE];
} Folder;

/* A file that only grows. */
typedef struct FolderFile {
        int fd;
        uint64_t end; /* everything before it is ours; what may stand behind it is rubbish */
        bool dirty;
        char name[LAYOUT_NAME_SIZE];
} FolderFile;

#define FOLDER_FILE_CLOSED ((FolderFile) { .fd = -1 })

/* The numbered files of a folder, ascending. */
typedef struct FolderNumbers {
        uint64_t *numbers;
        size_t n_numbers;
} FolderNumbers;

typedef struct FolderListing {
        FolderNumbers sealed, open, spool;
        bool has_job, has_manifest, has_provenance;
        size_t n_foreign;     /* names that are none of ours */
        size_t n_quarantined; /* damaged files that a repair put aside */
        char **unfinished;   /* NULL-terminated, or NULL when there are none */
} FolderListing;

/* For readers too. 0, -ENOMEM or an error of the file system. */
int folder_list(int dir_fd, FolderListing *ret);
void folder_listing_done(FolderListing *listing);

/*
 * For errors of opening the file `name` in the store `path`: is something else there under its name, a directory or a
 * symbolic link? 0: no, `error` means something else. -EBADMSG: yes, and `problem` tells the cure.
 */
int folder_check_kind(const char *path, const char *name, int error, Problem *problem);

/*
 * Of a folder without the file `job`: was it a store? 0: no. -EBADMSG: it has other files of one, and `problem` is
 * about the file that is lost, with the cure. Or an error of folder_list().
 */
int folder_check_lost_job(int dir_fd, const char *path, Problem *problem);

/*
 * Makes the folder and its parents if they are missing, and locks it. -EEXIST: it has files, but not those of a store;
 * -EBADMSG: those of a store without its job; -EBUSY: locked by another process; -ENOMEM; other errors of the file
 * system. Always with a sentence. The caller closes `*ret`; `disk` must outlive it.
 */
int folder_open(const Disk *disk, const char *path, Folder **ret, Problem *problem);

/* Unlocks. Accepts NULL, returns NULL. Files of the folder are closed before. */
Folder *folder_close(Folder *folder);

/* Is this the kind of failure after which a later try may succeed? */
bool folder_failure_is_soft(const Folder *folder, int error);

/* 0, or the hard failure that came before. */
int folder_check(const Folder *folder, Problem *problem);

/* Makes a failure from elsewhere (lack of memory in mid-change) a hard one. Returns it. */
int folder_fail(Folder *folder, int error, Problem *problem);

/*
 * The functions that write return 0, or a failure with its sentence: soft or hard as above, or the hard one that came
 * before. They do not take over what they are given.
 */

/*
 * Writes a file under a temporary name, syncs it, renames it, syncs the directory: afterwards it is there, whole,
 * whatever happens. With `ret_file` it stays open for appending, and the caller closes it.
 */
int folder_publish(Folder *folder, const char *name, const void *data, size_t size, FolderFile *ret_file,
                   Problem *problem);

/*
 * Makes the names durable that were there before: a process that gave them may have died, or failed, before it synced
 * the directory.
 */
int folder_settle(Folder *folder, Problem *problem);

/*
 * Opens a file that was there before, and makes sure that what will be read from it is on the disk: it may have
 * been written by a process that died before it synced, or after a sync failed. The caller closes it.
 */
int folder_adopt(Folder *folder, const char *name, FolderFile *ret_file, Problem *problem);

/* At its end. After a soft failure the file is as it was. */
int folder_append(Folder *folder, FolderFile *file, const void *data, size_t size, Problem *problem);

int folder_cut(Folder *folder, FolderFile *file, uint64_t size, Problem *problem); /* and syncs */
int folder_sync(Folder *folder, FolderFile *file, Problem *problem);               /* nothing if it is not dirty */
int folder_rename(Folder *folder, const char *from, const char *to, Problem *problem); /* and syncs the directory */
int folder_remove(Folder *folder, const char *name, Problem *problem);             /* a missing file is fine */

/* The number of bytes, short only where the file ends; or negative errno without a sentence. Fails nothing. */
ssize_t folder_read(Folder *folder, const FolderFile *file, void *data, size_t size, uint64_t offset);

/* Without syncing. One that is closed already is fine. */
void folder_file_close(Folder *folder, FolderFile *file);
