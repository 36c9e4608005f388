/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl resume: a job that was paused, or that failed, goes on. */

#include <stdio.h>
#include <stdlib.h>

#include "ctl/client-options.h"
#include "ctl/job-verb.h"
#include "ctl/answer.h"
#include "ctl/verb.h"

static void help(void) {
        printf("primectl resume [OPTIONS...] [JOB...]\n\n"
               "Let jobs go on that were paused, or that failed once the reason is mended.\n\n"
               "JOB is a name or an id as 'primectl jobs' lists them, or a pattern ('0-*'). It\n"
               "may be left out when there is only one job to resume.\n\n"
               CLIENT_HELP
               "  -q --quiet            Say nothing but errors\n");
}

static void tell(const json_t *job, bool is_here) {
        printf("Resumed %s.\n", answer_string(job, "name"));
}

int verb_resume(int argc, char *argv[]) {
        static const JobVerb verb = {
                .name = "resume", .method = "ResumeJob", .states = "paused failed", .help = help, .tell = tell,
        };

        return job_verb_run(&verb, argc, argv);
}
