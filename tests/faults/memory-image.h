/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files and names in memory, and the record of what was done to them. Numbers of files are never used again. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* File 0 is the root directory. */
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
size_t memory_log_count_renames(const MemoryLog *log, const char *to);
void memory_log_mark(MemoryLog *log, int mark, uint64_t value);

/* Both do nothing without a log. */
void memory_log_add(MemoryLog *log, MemoryKind kind, uint32_t file, uint64_t offset, const void *data, size_t size);
void memory_log_add_name(MemoryLog *log, uint32_t directory, const char *from, const char *to, uint32_t target,
                         bool makes_directory);
