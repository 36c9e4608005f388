/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Reads the tables of this folder (facts.tsv, oracle.tsv): lines of columns between tabs, "#" begins a comment. */

#include <gmp.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "prime/number.h"
#include "test.h"

#define FACTS_COLUMNS_MAX 8

typedef struct Facts {
        FILE *file;
        char *line;
        size_t line_size;
        char *columns[FACTS_COLUMNS_MAX];
        unsigned n_columns;
} Facts;

static inline void facts_open(Facts *facts, const char *folder, const char *name) {
        char path[4096];

        (void) snprintf(path, sizeof path, "%s/%s", folder, name);
        *facts = (Facts) { .file = fopen(path, "re") };
        CHECK(facts->file != NULL);
}

static inline void facts_done(Facts *facts) {
        (void) fclose(facts->file);
        free(facts->line);
}

/* The next line whose first column is `kind` (NULL: any). False at the end. */
static inline bool facts_next(Facts *facts, const char *kind) {
        while (getline(&facts->line, &facts->line_size, facts->file) > 0) {
                char *rest = facts->line;

                rest[strcspn(rest, "\n")] = '\0';
                if (*rest == '\0' || *rest == '#')
                        continue;
                for (facts->n_columns = 0; rest; facts->n_columns++) {
                        CHECK(facts->n_columns < FACTS_COLUMNS_MAX);
                        facts->columns[facts->n_columns] = strsep(&rest, "\t");
                }
                if (!kind || strcmp(facts->columns[0], kind) == 0)
                        return true;
        }
        return false;
}

/* A column as a number. */
static inline void facts_number(const Facts *facts, unsigned column, mpz_t ret) {
        CHECK(column < facts->n_columns);
        CHECK(number_parse(ret, facts->columns[column], NULL) == 0);
}

static inline uint64_t facts_u64(const Facts *facts, unsigned column) {
        _cleanup_mpz_ mpz_t number;

        mpz_init(number);
        facts_number(facts, column, number);
        return number_get_u64(number);
}
