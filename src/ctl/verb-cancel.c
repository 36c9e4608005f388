/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl cancel: the master forgets a job; the primes stay. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

/* Of a master on another host nothing can be seen from here. */
static bool store_is_gone(const char *path) {
        return access(path, F_OK) < 0 && errno == ENOENT;
}

static void tell(const json_t *job, bool is_here) {
        if (is_here && store_is_gone(answer_string(job, "store"))) {
                printf("Cancelled %s. Its store %s is not there any more: the same 'primectl start' begins anew.\n",
                       answer_string(job, "name"), answer_string(job, "store"));
                return;
        }
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
