/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl cancel: the master forgets a job; the primes stay. */

#include <stdio.h>
#include <stdlib.h>

#include "ctl/client-options.h"
#include "ctl/job-verb.h"
#include "ctl/answer.h"
#include "ctl/verb.h"

static void help(void) {
        printf("primectl cancel [OPTIONS...] [JOB...]\n\n"
               "Take jobs from the master. The primes that were found stay where they are: the\n"
               "same 'primectl start' goes on with them.\n\n"
               "JOB is a name or an id as 'primectl jobs' lists them, or a pattern ('0-*'). It\n"
               "may be left out when there is only one job to cancel.\n\n"
               CLIENT_HELP
               "  -q --quiet            Say nothing but errors\n");
}

static void tell(const json_t *job) {
        printf("Cancelled %s. Its primes stay in %s: the same 'primectl start' goes on with them, and "
               "'primectl info --store %s' tells what is there.\n", answer_string(job, "name"),
               answer_string(job, "store"), answer_string(job, "store"));
}

int verb_cancel(int argc, char *argv[]) {
        static const JobVerb verb = {
                .name = "cancel", .method = "CancelJob", .states = "running paused failed", .help = help, .tell = tell,
        };

        return job_verb_run(&verb, argc, argv);
}
