/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl prev: which primes come before a number. */

#include <stdio.h>

#include "ctl/neighbours.h"
#include "ctl/question.h"
#include "ctl/verb.h"

static void help(void) {
        printf("primectl prev [OPTIONS...] P\n\n"
               "Print the prime of a store that comes next below P; with -n the N next ones,\n"
               "the largest one first.\n\n"
               QUESTION_HELP
               "  -n --lines=N    Print N primes\n\n"
               "P is one of the " QUESTION_NUMBERS_HELP);
}

int verb_prev(int argc, char *argv[]) {
        return neighbours_run("prev", help, false, argc, argv);
}
