/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl jobs: what the master works on. */

#include <stdio.h>
#include <stdlib.h>

#include "ctl/list-verb.h"
#include "ctl/listing.h"
#include "ctl/verb.h"

static void help(void) {
        printf("primectl jobs [OPTIONS...]\n\n"
               "List the jobs of the master on this host.\n\n"
               CLIENT_TABLE_HELP
               "  -q --quiet            Print no footer\n");
}

int verb_jobs(int argc, char *argv[]) {
        static const ListVerb verb = { .method = "ListJobs", .noun = "job", .help = help, .print = listing_jobs };

        return list_verb_run(&verb, argc, argv);
}
