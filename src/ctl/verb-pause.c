/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl pause: a job waits until it is resumed. */

#include <stdio.h>
#include <stdlib.h>

#include "ctl/client-options.h"
#include "ctl/job-verb.h"
#include "ctl/answer.h"
#include "ctl/verb.h"

static void help(void) {
        printf("primectl pause [OPTIONS...] [JOB...]\n\n"
               "Let jobs wait: their workers hand back what they have not finished and turn to\n"
               "other jobs. What was found stays.\n\n"
               "JOB is a name or an id as 'primectl jobs' lists them, or a pattern ('0-*'). It\n"
               "may be left out when there is only one job to pause.\n\n"
               CLIENT_HELP
               "  -q --quiet            Say nothing but errors\n");
}

static void tell(const json_t *job, bool is_here) {
        const char *name = answer_string(job, "name");

        printf("Paused %s; 'primectl resume %s' lets it go on.\n", name, name);
}

int verb_pause(int argc, char *argv[]) {
        static const JobVerb verb = {
                .name = "pause", .method = "PauseJob", .states = "running", .help = help, .tell = tell,
        };

        return job_verb_run(&verb, argc, argv);
}
