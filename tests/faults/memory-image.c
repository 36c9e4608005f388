/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images and logs. Buffers are kept when an image is cleared: millions are made. */

#include "faults/memory-image.h"

#include "test.h"

/* images */

static void *grow(void *array, size_t *n_allocated, size_t n, size_t size) {
        size_t n_new = n * 2 + 16;
        uint8_t *grown;

        if (n <= *n_allocated)
                return array;
        grown = reallocarray(array, n_new, size);
        CHECK(grown != NULL);
        memset(grown + *n_allocated * size, 0, (n_new - *n_allocated) * size);
        *n_allocated = n_new;
        return grown;
}

uint32_t memory_image_add_file(MemoryImage *image, bool is_directory) {
        MemoryFile *file;

        image->files = grow(image->files, &image->n_allocated, image->n_files + 1, sizeof *image->files);
        file = image->files + image->n_files;
        file->is_directory = is_directory;
        file->size = 0;
        return (uint32_t) image->n_files++;
}

void memory_image_clear(MemoryImage *image) {
        image->n_files = image->n_names = 0;
        memory_image_add_file(image, true);
}

void memory_image_done(MemoryImage *image) {
        for (size_t i = 0; i < image->n_allocated; i++)
                free(image->files[i].data);
        free(image->files);
        free(image->names);
        *image = (MemoryImage) {};
}

void memory_image_copy(MemoryImage *image, const MemoryImage *from) {
        memory_image_clear(image);
        for (size_t i = 0; i < from->n_files; i++) {
                uint32_t number = i == 0 ? 0 : memory_image_add_file(image, from->files[i].is_directory);

                if (from->files[i].size > 0)
                        memory_file_write(image->files + number, from->files[i].data, from->files[i].size, 0);
        }
        for (size_t i = 0; i < from->n_names; i++)
                memory_image_set_name(image, from->names[i].directory, from->names[i].name, from->names[i].file);
}

const MemoryName *memory_image_find(const MemoryImage *image, uint32_t directory, const char *name) {
        for (size_t i = 0; i < image->n_names; i++)
                if (image->names[i].directory == directory && strcmp(image->names[i].name, name) == 0)
                        return image->names + i;
        return NULL;
}

void memory_image_drop_name(MemoryImage *image, uint32_t directory, const char *name) {
        const MemoryName *found = memory_image_find(image, directory, name);

        if (found)
                image->names[found - image->names] = image->names[--image->n_names];
}

void memory_image_set_name(MemoryImage *image, uint32_t directory, const char *name, uint32_t file) {
        MemoryName *entry;

        CHECK(strlen(name) < MEMORY_NAME_SIZE);
        memory_image_drop_name(image, directory, name);
        image->names = grow(image->names, &image->n_names_allocated, image->n_names + 1, sizeof *image->names);
        entry = image->names + image->n_names++;
        entry->directory = directory;
        entry->file = file;
        strcpy(entry->name, name);
}

void memory_file_resize(MemoryFile *file, size_t size) {
        if (size > file->allocated) {
                file->allocated = size * 2;
                file->data = realloc(file->data, file->allocated);
                CHECK(file->data != NULL);
        }
        if (size > file->size)
                memset(file->data + file->size, 0, size - file->size);
        file->size = size;
}

void memory_file_write(MemoryFile *file, const void *data, size_t size, size_t offset) {
        if (offset + size > file->size)
                memory_file_resize(file, offset + size);
        memcpy(file->data + offset, data, size);
}

/* the log */

void memory_log_clear(MemoryLog *log) {
        log->n_changes = log->n_bytes = 0;
}

void memory_log_done(MemoryLog *log) {
        free(log->changes);
        free(log->bytes);
        *log = (MemoryLog) {};
}

static MemoryChange *log_add(MemoryLog *log, MemoryKind kind, uint32_t file) {
        MemoryChange *change;

        log->changes = grow(log->changes, &log->n_allocated, log->n_changes + 1, sizeof *log->changes);
        change = log->changes + log->n_changes++;
        *change = (MemoryChange) { .kind = kind, .file = file };
        return change;
}

size_t memory_log_count_renames(const MemoryLog *log, const char *to) {
        size_t n = 0;

        for (size_t i = 0; i < log->n_changes; i++)
                n += log->changes[i].kind == MEMORY_NAME && log->changes[i].from[0] != '\0' &&
                        strcmp(log->changes[i].to, to) == 0;
        return n;
}

void memory_log_mark(MemoryLog *log, int mark, uint64_t value) {
        MemoryChange *change = log_add(log, MEMORY_MARK, 0);

        change->mark = mark;
        change->value = value;
}

void memory_log_add(MemoryLog *log, MemoryKind kind, uint32_t file, uint64_t offset, const void *data, size_t size) {
        MemoryChange *change;

        if (!log)
                return;
        change = log_add(log, kind, file);
        change->offset = offset;
        change->data = log->n_bytes;
        change->size = size;
        if (size == 0)
                return;
        log->bytes = grow(log->bytes, &log->n_bytes_allocated, log->n_bytes + size, 1);
        memcpy(log->bytes + log->n_bytes, data, size);
        log->n_bytes += size;
}

void memory_log_add_name(MemoryLog *log, uint32_t directory, const char *from, const char *to, uint32_t target,
                         bool makes_directory) {
        MemoryChange *change;

        if (!log)
                return;
        change = log_add(log, MEMORY_NAME, directory);
        change->target = target;
        change->makes_directory = makes_directory;
        strcpy(change->from, from);
        strcpy(change->to, to);
}
