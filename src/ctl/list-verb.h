/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A verb that lists what the master has. */

#include <jansson.h>

#include "ctl/client-options.h"

typedef struct ListVerb {
        const char *method; /* of org.primed.Master1 */
        const char *noun;   /* "worker" */
        void (*help)(void);
        int (*print)(const json_t *list, const TableStyle *style);
} ListVerb;

/* All of the verb; exit status. */
int list_verb_run(const ListVerb *verb, int argc, char *argv[]);
