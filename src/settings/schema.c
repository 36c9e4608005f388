/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fills a struct from config files, by a table of keys. */

#include "settings/schema.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "settings/config-file.h"

#define NAME_BYTES_MAX 64 /* of a name that is compared with the known ones */

/* The { } that is being read, or the file. */
typedef struct Place {
        const Schema *schema;
        const char *path;
        const SchemaKey *group; /* NULL at the top */
        const SchemaKey *keys;
        size_t n_keys;
        Problem *problem;
} Place;

static Place place_within(const Place *place, const SchemaKey *group) {
        Place within = *place;

        within.group = group;
        within.keys = group->children;
        within.n_keys = group->n_children;
        return within;
}

static int refuse(const Place *place, unsigned line, int error, const char *format, ...) _printf_(4, 5);

static int refuse(const Place *place, unsigned line, int error, const char *format, ...) {
        Problem sentence = PROBLEM_NONE;
        char plain[sizeof sentence.text];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(sentence.text, sizeof sentence.text, format, arguments);
        va_end(arguments);
        utf8_copy_plain(plain, sizeof plain, sentence.text); /* what was cut may end within a character */
        return problem_set(place->problem, error, "%s:%u: %s", place->path, line, plain);
}

/* "pause.during", for sentences. */
#define KEY_FORMAT "%s%s%s"
#define KEY_VALUES(place, key) \
        (place)->group ? (place)->group->name : "", (place)->group ? "." : "", (key)->name

static int refuse_kind(const Place *place, const SchemaKey *key, const config_setting_t *setting) {
        static const char *const kinds[] = {
                [SCHEMA_BOOLEAN] = "true or false",
                [SCHEMA_NUMBER] = "a whole number, without quotes",
                [SCHEMA_STRING] = "a string, in quotes",
                [SCHEMA_STRINGS] = "a list of strings",
                [SCHEMA_GROUP] = "a group in braces",
                [SCHEMA_GROUPS] = "a list of groups",
        };

        return refuse(place, config_file_line(setting), EINVAL, KEY_FORMAT " must be %s. Write for example: %s = %s;",
                      KEY_VALUES(place, key), kinds[key->kind], key->name, key->example);
}

static bool is_integer(const config_setting_t *setting) {
        return config_setting_type(setting) == CONFIG_TYPE_INT || config_setting_type(setting) == CONFIG_TYPE_INT64;
}

static long long get_integer(const config_setting_t *setting) {
        return config_setting_type(setting) == CONFIG_TYPE_INT ? config_setting_get_int(setting)
                                                               : config_setting_get_int64(setting);
}

static int read_number(const Place *place, const SchemaKey *key, const config_setting_t *setting, void *object) {
        void *field = (char *) object + key->offset;
        long long value;

        if (!is_integer(setting))
                return refuse_kind(place, key, setting);
        value = get_integer(setting);
        if (value < (long long) key->low || value > (long long) key->high)
                return refuse(place, config_file_line(setting), ERANGE,
                              KEY_FORMAT " is %lld, but must lie between %u and %u. Write for example: %s = %s;",
                              KEY_VALUES(place, key), value, key->low, key->high, key->name, key->example);
        *(unsigned *) field = (unsigned) value;
        return 0;
}

static int read_string(const Place *place, const SchemaKey *key, const config_setting_t *setting, void *object) {
        Problem sentence = PROBLEM_NONE;
        char digits[32];
        const char *word;
        int r;

        if (config_setting_type(setting) == CONFIG_TYPE_STRING)
                word = config_setting_get_string(setting) ?: "";
        else if (key->takes_number && is_integer(setting)) {
                (void) snprintf(digits, sizeof digits, "%lld", get_integer(setting));
                word = digits;
        } else
                return refuse_kind(place, key, setting);
        if (!utf8_is_plain(word, strlen(word))) /* by escapes */
                return refuse(place, config_file_line(setting), EINVAL,
                              KEY_FORMAT " has a control character. Remove it.", KEY_VALUES(place, key));
        r = key->read(word, object, &sentence);
        if (r < 0)
                return refuse(place, config_file_line(setting), r, KEY_FORMAT ": %s", KEY_VALUES(place, key),
                              sentence.text);
        return 0;
}

/* A list of at least low, at most high. */
static int check_length(const Place *place, const SchemaKey *key, const config_setting_t *list) {
        unsigned n = (unsigned) config_setting_length(list);

        if (n < key->low)
                return refuse(place, config_file_line(list), ERANGE,
                              KEY_FORMAT " needs at least %u of them. Write for example: %s = %s;",
                              KEY_VALUES(place, key), key->low, key->name, key->example);
        if (n > key->high)
                return refuse(place, config_file_line(list), ERANGE,
                              KEY_FORMAT " has %u entries, but at most %u can be used.", KEY_VALUES(place, key), n,
                              key->high);
        return 0;
}

static int read_strings(const Place *place, const SchemaKey *key, const config_setting_t *setting, void *object) {
        int r, type = config_setting_type(setting);

        if (type != CONFIG_TYPE_LIST && type != CONFIG_TYPE_ARRAY)
                return read_string(place, key, setting, object);
        r = check_length(place, key, setting);
        for (int i = 0; r >= 0 && i < config_setting_length(setting); i++)
                r = read_string(place, key, config_setting_get_elem(setting, (unsigned) i), object);
        return r;
}

static int read_group(const Place *place, const SchemaKey *key, const config_setting_t *setting, void *object);

static int read_groups(const Place *place, const SchemaKey *key, const config_setting_t *setting, void *object) {
        void *element;
        int r;

        if (config_setting_type(setting) != CONFIG_TYPE_LIST)
                return refuse_kind(place, key, setting);
        r = check_length(place, key, setting);
        for (int i = 0; r >= 0 && i < config_setting_length(setting); i++) {
                r = key->append(object, &element, place->problem);
                if (r >= 0)
                        r = read_group(place, key, config_setting_get_elem(setting, (unsigned) i), element);
                if (r >= 0 && key->check) {
                        Problem sentence = PROBLEM_NONE;

                        r = key->check(object, &sentence);
                        if (r < 0)
                                r = refuse(place, config_file_line(config_setting_get_elem(setting, (unsigned) i)), r,
                                           "%s: %s", key->name, sentence.text);
                }
        }
        return r;
}

static int read_key(const Place *place, const SchemaKey *key, const config_setting_t *setting, void *object) {
        Problem sentence = PROBLEM_NONE;
        int r;

        switch (key->kind) {
        case SCHEMA_BOOLEAN:
                if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
                        return refuse_kind(place, key, setting);
                *(bool *) ((char *) object + key->offset) = config_setting_get_bool(setting) == CONFIG_TRUE;
                return 0;
        case SCHEMA_NUMBER:
                return read_number(place, key, setting, object);
        case SCHEMA_STRING:
                return read_string(place, key, setting, object);
        case SCHEMA_STRINGS:
                return read_strings(place, key, setting, object);
        case SCHEMA_GROUP:
                r = read_group(place, key, setting, object);
                if (r < 0 || !key->check)
                        return r;
                r = key->check(object, &sentence);
                return r < 0 ? refuse(place, config_file_line(setting), r, "%s: %s", key->name, sentence.text) : 0;
        case SCHEMA_GROUPS:
                return read_groups(place, key, setting, object);
        }
        assert(false);
        return -EINVAL;
}

/* The default goes the way of what a person writes, so that a wrong one cannot stay unseen. */
static int read_default(const Place *place, const SchemaKey *key, void *object) {
        _cleanup_(config_file_freep) ConfigFile *file = NULL;
        _cleanup_free_ char *text = NULL;
        int n, r;

        if (!key->default_text)
                return 0;
        n = asprintf(&text, "%s = %s;", key->name, key->default_text);
        if (n < 0)
                return problem_set(place->problem, ENOMEM, "Out of memory while reading %s.", place->path);
        r = config_file_parse("(default)", text, (size_t) n, &file, place->problem);
        if (r < 0)
                return r;
        return read_key(place, key, config_setting_get_elem(config_root_setting(&file->config), 0), object);
}

/* How many characters have to be put in, left out or replaced, capital letters being small ones. */
static unsigned edit_distance(const char *a, const char *b) {
        size_t n_a = strlen(a), n_b = strlen(b);
        unsigned row[NAME_BYTES_MAX + 1];

        assert(n_b <= NAME_BYTES_MAX);
        if (n_a > NAME_BYTES_MAX)
                return UINT32_MAX;
        for (size_t j = 0; j <= n_b; j++)
                row[j] = (unsigned) j;
        for (size_t i = 1; i <= n_a; i++) {
                unsigned diagonal = row[0];

                row[0] = (unsigned) i;
                for (size_t j = 1; j <= n_b; j++) {
                        bool differ = tolower((unsigned char) a[i - 1]) != tolower((unsigned char) b[j - 1]);
                        unsigned change = diagonal + differ, insertion = MIN(row[j], row[j - 1]) + 1;

                        diagonal = row[j];
                        row[j] = MIN(change, insertion);
                }
        }
        return row[n_b];
}

static const SchemaKey *find_key(const SchemaKey *keys, size_t n_keys, const char *name) {
        for (size_t i = 0; i < n_keys; i++)
                if (strcmp(keys[i].name, name) == 0)
                        return &keys[i];
        return NULL;
}

/* The key whose name needs the fewest changes, at most one for every two characters. */
static const SchemaKey *find_nearest(const SchemaKey *keys, size_t n_keys, const char *name) {
        unsigned least = UINT32_MAX;
        const SchemaKey *nearest = NULL;

        for (size_t i = 0; i < n_keys; i++) {
                unsigned distance = edit_distance(name, keys[i].name);

                if (distance < least && 2 * distance <= strlen(keys[i].name)) {
                        least = distance;
                        nearest = &keys[i];
                }
        }
        return nearest;
}

static void list_names(const SchemaKey *keys, size_t n_keys, char *ret, size_t size) {
        size_t n = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < n_keys && n < size; i++)
                n += (size_t) snprintf(ret + n, size - n, "%s%s", i > 0 ? ", " : "", keys[i].name);
}

static int refuse_unknown(const Place *place, const config_setting_t *setting) {
        const Schema *schema = place->schema;
        const char *name = config_setting_name(setting);
        unsigned line = config_file_line(setting);
        const SchemaKey *near;
        char names[256];

        if (place->group && find_key(schema->keys, schema->n_keys, name))
                return refuse(place, line, EINVAL, "'%s' does not belong into '%s'. Move it behind the closing brace.",
                              name, place->group->name);
        for (size_t i = 0; !place->group && i < schema->n_keys; i++)
                if (find_key(schema->keys[i].children, schema->keys[i].n_children, name))
                        return refuse(place, line, EINVAL, "'%s' belongs into '%s'. Write for example: %s = %s;", name,
                                      schema->keys[i].name, schema->keys[i].name, schema->keys[i].example);
        if (!place->group && find_key(schema->other->keys, schema->other->n_keys, name))
                return refuse(place, line, EINVAL, "'%s' is a key of %s, not of %s. Move it there.", name,
                              schema->other->file, schema->file);
        near = find_nearest(place->keys, place->n_keys, name);
        if (near)
                return refuse(place, line, EINVAL, "There is no key '%s'. Did you mean '%s'?", name, near->name);
        list_names(place->keys, place->n_keys, names, sizeof names);
        return refuse(place, line, EINVAL, "There is no key '%.*s'. The keys %s%s are: %s.", NAME_BYTES_MAX, name,
                      place->group ? "of " : "here", place->group ? place->group->name : "", names);
}

/* All settings of a { } or of a file, and nothing else. */
static int read_settings(const Place *place, const config_setting_t *settings, void *object) {
        for (int i = 0; i < config_setting_length(settings); i++) {
                const config_setting_t *setting = config_setting_get_elem(settings, (unsigned) i);
                const SchemaKey *key = find_key(place->keys, place->n_keys, config_setting_name(setting));
                int r;

                r = key ? read_key(place, key, setting, object) : refuse_unknown(place, setting);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_group(const Place *place, const SchemaKey *key, const config_setting_t *setting, void *object) {
        Place within = place_within(place, key);
        int r;

        if (config_setting_type(setting) != CONFIG_TYPE_GROUP)
                return refuse_kind(place, key, setting);
        for (size_t i = 0; i < key->n_children; i++) {
                const SchemaKey *child = &key->children[i];

                if (config_setting_get_member(setting, child->name))
                        continue;
                if (child->required)
                        return refuse(place, config_file_line(setting), EINVAL,
                                      "'%s' is missing in '%s'. Write for example: %s = %s;",
                                      child->name, key->name, child->name, child->example);
                r = read_default(&within, child, object);
                if (r < 0)
                        return r;
        }
        return read_settings(&within, setting, object);
}

/* The whole file by itself, into an object that nobody needs. */
static int check_file(const Schema *schema, const ConfigFile *file, Problem *problem) {
        Place place = { .schema = schema, .path = file->path, .keys = schema->keys, .n_keys = schema->n_keys,
                        .problem = problem };
        void *object = schema->object_new();
        int r;

        if (!object)
                return problem_set(problem, ENOMEM, "Out of memory while reading %s.", file->path);
        r = read_settings(&place, config_root_setting(&file->config), object);
        (void) schema->object_free(object);
        return r;
}

/* Each key from the last file that has it, or its default. */
static int read_files(const Schema *schema, const ConfigFiles *files, void *object, Problem *problem) {
        for (size_t i = 0; i < schema->n_keys; i++) {
                Place place = { .schema = schema, .path = schema->file, .keys = schema->keys, .n_keys = schema->n_keys,
                                .problem = problem };
                const config_setting_t *setting = NULL;
                int r;

                for (size_t j = files->n_files; j > 0 && !setting; j--) {
                        place.path = files->files[j - 1]->path;
                        setting = config_setting_get_member(config_root_setting(&files->files[j - 1]->config),
                                                            schema->keys[i].name);
                }
                r = setting ? read_key(&place, &schema->keys[i], setting, object)
                            : read_default(&place, &schema->keys[i], object);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int load_files(const Schema *schema, const ConfigFiles *files, void **ret, Problem *problem) {
        void *object;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < files->n_files; i++)
                r = check_file(schema, files->files[i], problem);
        if (r < 0)
                return r;
        object = schema->object_new();
        if (!object)
                return problem_set(problem, ENOMEM, "Out of memory while reading %s.", schema->file);
        r = read_files(schema, files, object, problem);
        if (r < 0) {
                (void) schema->object_free(object);
                return r;
        }
        *ret = object;
        return 0;
}

int schema_load(const Schema *schema, const char *path, void **ret, Problem *problem) {
        _cleanup_(config_files_done) ConfigFiles files = {};
        int r;

        r = config_files_read(path, &files, problem);
        if (r < 0)
                return r;
        return load_files(schema, &files, ret, problem);
}

int schema_load_text(const Schema *schema, const char *path, const char *text, size_t size, void **ret,
                     Problem *problem) {
        _cleanup_(config_file_freep) ConfigFile *file = NULL;
        int r;

        r = config_file_parse(path, text, size, &file, problem);
        if (r < 0)
                return r;
        return load_files(schema, &(ConfigFiles) { .files = &file, .n_files = 1 }, ret, problem);
}
