/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Config files and their drop-ins. Of libconfig only what version 1.5 has is used. */

#include "settings/config-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "settings/scan.h"

ConfigFile *config_file_free(ConfigFile *file) {
        if (!file)
                return NULL;
        config_destroy(&file->config);
        free(file->path);
        free(file);
        return NULL;
}

/* Writes the line of each plain value below `setting` into its hook. Returns how many values were passed. */
static size_t note_lines(config_setting_t *setting, const unsigned *lines, size_t n_lines) {
        size_t n = 0;

        if (config_setting_is_aggregate(setting) == CONFIG_FALSE) {
                if (n_lines > 0)
                        config_setting_set_hook(setting, (void *) (uintptr_t) lines[0]);
                return 1;
        }
        for (int i = 0; i < config_setting_length(setting); i++) {
                n += note_lines(config_setting_get_elem(setting, (unsigned) i), lines + n, n_lines - n);
                if (n > n_lines)
                        break;
        }
        return n;
}

unsigned config_file_line(const config_setting_t *setting) {
        /* Where a list's last string ends libconfig knows only behind the next token, lines later perhaps. */
        if (!config_setting_name(setting) && config_setting_get_hook(setting))
                return (unsigned) (uintptr_t) config_setting_get_hook(setting);
        return config_setting_source_line(setting);
}

static int refuse_syntax(const ConfigFile *file, Problem *problem) {
        const char *text = config_error_text(&file->config) ?: "syntax error";
        int line = config_error_line(&file->config);

        if (strstr(text, "duplicate"))
                return problem_set(problem, EINVAL,
                                   "%s:%d: A name that was set before in this file is set again. Remove one of the "
                                   "two.",
                                   file->path, line);
        if (strstr(text, "mismatched"))
                return problem_set(problem, EINVAL,
                                   "%s:%d: All values between [ and ] must be of one kind. Put strings in quotes, or "
                                   "use ( and ).",
                                   file->path, line);
        return problem_set(problem, EINVAL,
                           "%s:%d: This line, or the one before, cannot be understood (%s). A setting is written "
                           "NAME = VALUE;",
                           file->path, line, text);
}

int config_file_parse(const char *path, const char *text, size_t size, ConfigFile **ret, Problem *problem) {
        _cleanup_(config_file_freep) ConfigFile *file = NULL;
        _cleanup_free_ char *whole_lines = NULL;
        _cleanup_free_ unsigned *lines = NULL;
        size_t n_lines = 0;
        int r;

        r = scan_text(path, text, size, &lines, &n_lines, problem);
        if (r < 0)
                return r;
        file = malloc(sizeof *file);
        if (!file)
                return problem_set(problem, ENOMEM, "Out of memory while reading %s.", path);
        config_init(&file->config);
        file->path = strdup(path);
        /* A comment that the end of the text ends, not the end of a line, is a syntax error to libconfig. */
        if (!file->path || asprintf(&whole_lines, "%s\n", text) < 0)
                return problem_set(problem, ENOMEM, "Out of memory while reading %s.", path);
        if (config_read_string(&file->config, whole_lines) == CONFIG_FALSE)
                return refuse_syntax(file, problem);
        if (n_lines > 0)
                (void) note_lines(config_root_setting(&file->config), lines, n_lines);
        *ret = TAKE_PTR(file);
        return 0;
}

void config_files_done(ConfigFiles *files) {
        for (size_t i = 0; i < files->n_files; i++)
                (void) config_file_free(files->files[i]);
        free(files->files);
        *files = (ConfigFiles) {};
}

static int refuse_file(const char *path, int error, Problem *problem) {
        switch (-error) {
        case ENOTSUP:
                return problem_set(problem, error, "%s: This is not a regular file. Replace it with one, or remove it.",
                                   path);
        case EFBIG:
                return problem_set(problem, error, "%s: The file is larger than 1 MiB. Make it smaller.", path);
        case EACCES:
        case EPERM:
                return problem_set(problem, error, "%s: Cannot be read: %m. Make it readable: chmod a+r %s", path,
                                   path);
        case ENOENT:
                return problem_set(problem, error, "%s: This is a link to a file that is not there. Mend or remove it.",
                                   path);
        default:
                return problem_set(problem, error, "%s: Cannot be read: %m. Mend or remove it.", path);
        }
}

/* Reads one file and adds it; one that is not there adds nothing. */
static int files_add(ConfigFiles *files, const char *path, Problem *problem) {
        _cleanup_(config_file_freep) ConfigFile *file = NULL;
        _cleanup_free_ char *text = NULL;
        ConfigFile **larger;
        size_t size;
        int r;

        r = file_read_whole(AT_FDCWD, path, CONFIG_FILE_SIZE_MAX, &text, &size);
        if (r == -ENOENT && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
                return 0;
        if (r < 0)
                return refuse_file(path, r, problem);
        r = config_file_parse(path, text, size, &file, problem);
        if (r < 0)
                return r;
        larger = reallocarray(files->files, files->n_files + 1, sizeof *larger);
        if (!larger)
                return problem_set(problem, ENOMEM, "Out of memory while reading %s.", path);
        files->files = larger;
        files->files[files->n_files++] = TAKE_PTR(file);
        return 0;
}

static int is_drop_in(const struct dirent *entry) {
        size_t n = strlen(entry->d_name);

        return entry->d_name[0] != '.' && n > strlen(".conf") &&
               strcmp(entry->d_name + n - strlen(".conf"), ".conf") == 0;
}

/* Not alphasort(): the order must not depend on the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int files_add_drop_ins(ConfigFiles *files, const char *folder, Problem *problem) {
        struct dirent **entries = NULL;
        int n, r = 0;

        n = scandir(folder, &entries, is_drop_in, compare_names);
        if (n < 0 && errno == ENOENT)
                return 0;
        if (n < 0)
                return problem_set(problem, errno,
                                   "%s: The folder of drop-ins cannot be read: %m. Mend its permissions, or remove "
                                   "it.",
                                   folder);
        if (n > CONFIG_FILE_DROPINS_MAX)
                r = problem_set(problem, E2BIG, "%s: There are %d drop-ins, but at most %d are read. Merge some.",
                                folder, n, CONFIG_FILE_DROPINS_MAX);
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = NULL;

                if (r >= 0 && asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
                        r = problem_set(problem, ENOMEM, "Out of memory while reading %s.", folder);
                if (r >= 0)
                        r = files_add(files, path, problem);
                free(entries[i]);
        }
        free(entries);
        return r;
}

int config_files_read(const char *path, ConfigFiles *ret, Problem *problem) {
        _cleanup_(config_files_done) ConfigFiles files = {};
        _cleanup_free_ char *folder = NULL;
        int r;

        if (asprintf(&folder, "%s.d", path) < 0)
                return problem_set(problem, ENOMEM, "Out of memory while reading %s.", path);
        r = files_add(&files, path, problem);
        if (r < 0)
                return r;
        r = files_add_drop_ins(&files, folder, problem);
        if (r < 0)
                return r;
        *ret = files;
        files = (ConfigFiles) {};
        return 0;
}
