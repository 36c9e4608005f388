/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A verb that changes jobs: pause, resume, cancel. */

#include <jansson.h>
#include <stdbool.h>

typedef struct JobVerb {
        const char *name;   /* "pause" */
        const char *method; /* of org.primed.Master1 */
        const char *states; /* of a job that needs no name if it is the only one so; a blank between */
        void (*help)(void);
        void (*tell)(const json_t *job, bool is_here); /* what was done, for people; is the master on this host? */
} JobVerb;

/* All of the verb; exit status. */
int job_verb_run(const JobVerb *verb, int argc, char *argv[]);
