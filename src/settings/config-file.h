/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Config files in libconfig's language: a main file and its drop-ins, read and parsed, not yet understood. */

#include <libconfig.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/problem.h"

#define CONFIG_FILE_SIZE_MAX (1U << 20)
#define CONFIG_FILE_DROPINS_MAX 256

typedef struct ConfigFile {
        char *path;
        config_t config;
} ConfigFile;

typedef struct ConfigFiles {
        ConfigFile **files; /* the main file first, each later one wins */
        size_t n_files;
} ConfigFiles;

/*
 * Parses `text`, `size` bytes and a NUL; `path` is for sentences. 0; -EINVAL with "PATH:LINE: …". Nothing is included:
 * @include is refused, so what a file says stands in it, and no other file can make the reader wait.
 */
int config_file_parse(const char *path, const char *text, size_t size, ConfigFile **ret, Problem *problem);
ConfigFile *config_file_free(ConfigFile *file);

/*
 * The file `path` and all `path`.d/NAME.conf, sorted by name (bytes); hidden files are skipped, missing ones are none.
 * Only regular files of at most CONFIG_FILE_SIZE_MAX are read. 0; negative errno with a sentence.
 */
int config_files_read(const char *path, ConfigFiles *ret, Problem *problem);
void config_files_done(ConfigFiles *files);

/* The line on which the setting, or the element of a list, stands. */
unsigned config_file_line(const config_setting_t *setting);

DEFINE_TRIVIAL_CLEANUP_FUNC(ConfigFile *, config_file_free);
