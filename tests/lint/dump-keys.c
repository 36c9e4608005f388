/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the program knows of its config files, for config-keys.py.
 *
 *     dump-keys table WORKER|MASTER     a line for each key: path, kind, required,
 *                                       low, high, default, example, unit, reason, by tabs
 *     dump-keys load WORKER|MASTER FILE reads a file as the programs do, without drop-ins; the sentence on failure
 *
 * WORKER and MASTER are the names of the files, worker.conf and master.conf.
 */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "settings/schema.h"

static const char *const kinds[] = {
        [SCHEMA_BOOLEAN] = "boolean", [SCHEMA_NUMBER] = "number", [SCHEMA_STRING] = "string",
        [SCHEMA_STRINGS] = "strings", [SCHEMA_GROUP] = "group",   [SCHEMA_GROUPS] = "groups",
};

static void print_keys(const char *group, const SchemaKey *keys, size_t n_keys) {
        for (size_t i = 0; i < n_keys; i++) {
                const SchemaKey *key = &keys[i];

                printf("%s%s%s\t%s\t%d\t%u\t%u\t%s\t%s\t%s\t%s\n", group, group[0] ? "." : "", key->name,
                       kinds[key->kind], key->required, key->low, key->high, key->default_text ?: "", key->example,
                       key->unit, key->reason);
                print_keys(key->name, key->children, key->n_children);
        }
}

static int load(const Schema *schema, const char *path) {
        _cleanup_free_ char *text = NULL;
        Problem problem = PROBLEM_NONE;
        size_t size;
        void *object;

        if (file_read_whole(AT_FDCWD, path, 1U << 20, &text, &size) < 0) {
                puts("cannot be read");
                return 1;
        }
        if (schema_load_text(schema, path, text, size, &object, &problem) < 0) {
                puts(problem.text);
                return 1;
        }
        (void) schema->object_free(object);
        return 0;
}

int main(int argc, char *argv[]) {
        const Schema *schema = NULL;

        if (argc > 2 && strcmp(argv[2], worker_schema.file) == 0)
                schema = &worker_schema;
        else if (argc > 2 && strcmp(argv[2], master_schema.file) == 0)
                schema = &master_schema;
        if (schema && argc == 3 && strcmp(argv[1], "table") == 0) {
                print_keys("", schema->keys, schema->n_keys);
                return 0;
        }
        if (schema && argc == 4 && strcmp(argv[1], "load") == 0)
                return load(schema, argv[3]);
        puts("see the head of dump-keys.c");
        return 2;
}
