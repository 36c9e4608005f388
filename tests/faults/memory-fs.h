/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A file system in memory, under the C library: a program that is linked with -Wl,--wrap=… for the calls that
 * memory-fs.c lists has every path below MEMORY_ROOT served from a MemoryImage, all others by the kernel. So the code
 * under test is the real one down to its last system call, reading and locking included, and opening a store costs
 * microseconds.
 *
 * What is changed is written to a MemoryLog, from which power-model.h derives what a power cut would leave.
 *
 * No errors are returned: a program that uses the simulation wrongly ends.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Nothing real can be made there, so that a call that is not wrapped fails. */
#define MEMORY_ROOT "/proc/memory-fs"
#define MEMORY_NAME_SIZE 56

typedef struct MemoryFile {
        bool is_directory;
        uint8_t *data;
        size_t size, allocated;
} MemoryFile;

typedef struct MemoryName {
        uint32_t directory, file;
        char name[MEMORY_NAME_SIZE];
} MemoryName;

/* File 0 is the directory MEMORY_ROOT. */
typedef struct MemoryImage {
        MemoryFile *files;
        size_t n_files, n_allocated; /* those that are allocated keep their buffers */
        MemoryName *names;
        size_t n_names, n_names_allocated;
} MemoryImage;

typedef enum MemoryKind {
        MEMORY_WRITE,
        MEMORY_TRUNCATE,   /* to `offset` */
        MEMORY_SYNC,       /* a file or directory */
        MEMORY_LOST,       /* a sync of a file failed: the kernel takes the pages for clean from now on */
        MEMORY_NAME,       /* `from` empty: created; `to` empty: removed */
        MEMORY_MARK,       /* of the test, with `value` */
} MemoryKind;

typedef struct MemoryChange {
        MemoryKind kind;
        uint32_t file; /* or the directory of a name */
        uint64_t offset;
        size_t data, size; /* the bytes at log->bytes + data */
        uint32_t target;   /* the file that gets the name */
        bool makes_directory;
        char from[MEMORY_NAME_SIZE], to[MEMORY_NAME_SIZE];
        int mark;
        uint64_t value;
} MemoryChange;

typedef struct MemoryLog {
        MemoryChange *changes;
        size_t n_changes, n_allocated;
        uint8_t *bytes;
        size_t n_bytes, n_bytes_allocated;
} MemoryLog;

/* An empty root. */
void memory_image_clear(MemoryImage *image);
void memory_image_copy(MemoryImage *image, const MemoryImage *from);
void memory_image_done(MemoryImage *image);
uint32_t memory_image_add_file(MemoryImage *image, bool is_directory);
void memory_image_set_name(MemoryImage *image, uint32_t directory, const char *name, uint32_t file);
void memory_image_drop_name(MemoryImage *image, uint32_t directory, const char *name);
const MemoryName *memory_image_find(const MemoryImage *image, uint32_t directory, const char *name);

void memory_file_resize(MemoryFile *file, size_t size); /* new bytes are zero */
void memory_file_write(MemoryFile *file, const void *data, size_t size, size_t offset);

void memory_log_clear(MemoryLog *log);
void memory_log_done(MemoryLog *log);
void memory_log_mark(MemoryLog *log, int mark, uint64_t value);

/*
 * From now on `image` is what MEMORY_ROOT holds, and changes go to `log` (NULL: nowhere). No file of the one before
 * may still be open. Both stay the caller's.
 */
void memory_fs_attach(MemoryImage *image, MemoryLog *log);

/*
 * Calls [first, end) that change something, counted from 1 from now on, fail with EIO, and a write that fails has
 * written its first half. Wants a log, and an image that is still empty. A sync that fails loses what it was to write, as on Linux: it stays visible, a
 * second sync succeeds, and posix_fadvise(POSIX_FADV_DONTNEED) shows what is on the disk.
 */
void memory_fs_fail(uint64_t first, uint64_t end);
void memory_fs_mend(void); /* no further call fails; what was lost stays lost */
uint64_t memory_fs_n_failed(void);
uint64_t memory_fs_n_syncs_after_failure(void); /* by descriptor; must stay 0 */
