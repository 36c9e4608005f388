/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Texts of config files, and the whole sentence with which each is refused. The file is called FILE. */

#include "base/macro.h"
#include "settings/schema.h"
#include "test.h"

typedef struct Refused {
        const char *text;
        const char *sentence;
} Refused;

static inline void check_refused(const Schema *schema, const Refused *cases, size_t n_cases) {
        for (size_t i = 0; i < n_cases; i++) {
                Problem problem = PROBLEM_NONE;
                void *object = NULL;

                if (schema_load_text(schema, "FILE", cases[i].text, strlen(cases[i].text), &object, &problem) >= 0)
                        printf("# taken: %s\n", cases[i].text);
                CHECK(object == NULL);
                CHECK_STRING(problem.text, cases[i].sentence);
        }
}

/* The object of a text that must be taken; the caller frees. */
static inline void *load_taken(const Schema *schema, const char *text) {
        Problem problem = PROBLEM_NONE;
        void *object = NULL;

        if (schema_load_text(schema, "FILE", text, strlen(text), &object, &problem) < 0)
                printf("# %s\n", problem.text);
        CHECK(object != NULL);
        CHECK_STRING(problem.text, "");
        return object;
}
