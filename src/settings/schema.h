/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What may stand in a config file, as a table with a row for each key, and the reader that fills a struct by it. The
 * tables are worker_schema and master_schema; the examples and man pages are checked against them.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"
#include "base/problem.h"

typedef enum SchemaKind {
        SCHEMA_BOOLEAN, /* true or false, to the bool at `offset` */
        SCHEMA_NUMBER,  /* an integer in [low, high], to the unsigned at `offset` */
        SCHEMA_STRING,  /* a string, for `read` */
        SCHEMA_STRINGS, /* a list of low … high strings, each for `read`; a string alone is a list of one */
        SCHEMA_GROUP,   /* { } of `children`, of the same object */
        SCHEMA_GROUPS,  /* ( { }, … ), low … high of them, each with an object of its own made by `append` */
} SchemaKind;

typedef struct SchemaKey SchemaKey;

struct SchemaKey {
        const char *name;
        SchemaKind kind;
        bool takes_number; /* STRING, STRINGS: an integer is read as its digits */
        bool required;     /* in its group */
        unsigned low, high;
        size_t offset;

        /* 0, or negative errno with a sentence that does not name the key or its place. */
        int (*read)(const char *word, void *object, Problem *problem);
        int (*append)(void *object, void **ret_element, Problem *problem);
        int (*check)(void *object, Problem *problem); /* GROUP, GROUPS: after each { } was read; may be NULL */

        const SchemaKey *children;
        size_t n_children;

        const char *default_text; /* as it would be written; NULL: not set. A child's counts when its group is there */
        const char *example;      /* a value, as it would be written */
        const char *unit;         /* what the value counts, or "" */
        const char *reason;       /* one line: what it is good for */
};

typedef struct Schema Schema;

struct Schema {
        const char *file; /* "worker.conf" */
        const SchemaKey *keys;
        size_t n_keys;
        const Schema *other; /* a file that it may be mistaken for */
        void *(*object_new)(void); /* all zero; NULL when out of memory */
        void *(*object_free)(void *object);
};

extern const Schema worker_schema;
extern const Schema master_schema;

/*
 * Reads `path` and its drop-ins to a new object of the schema, for its `object_free`. Each file is checked as a whole,
 * also where a later one overrides it. 0; negative errno with "FILE:LINE: what, and the cure".
 */
int schema_load(const Schema *schema, const char *path, void **ret, Problem *problem);

/* The same of one text, without drop-ins; `path` is for sentences. */
int schema_load_text(const Schema *schema, const char *path, const char *text, size_t size, void **ret,
                     Problem *problem);
