/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl workers: who computes for the master. */

#include <stdio.h>
#include <stdlib.h>

#include "ctl/list-verb.h"
#include "ctl/listing.h"
#include "ctl/verb.h"

static void help(void) {
        printf("primectl workers [OPTIONS...]\n\n"
               "List the workers that are connected to the master on this host.\n\n"
               CLIENT_TABLE_HELP
               "  -q --quiet            Print no footer\n"
               "\nTHREADS are those in use, and those that the worker's host allows; CAP is what\n"
               "the master's configuration grants. BLOCKS were accepted since it joined.\n");
}

int verb_workers(int argc, char *argv[]) {
        static const ListVerb verb = {
                .method = "ListWorkers", .noun = "worker", .help = help, .print = listing_workers,
        };

        return list_verb_run(&verb, argc, argv);
}
