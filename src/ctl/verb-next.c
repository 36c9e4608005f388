/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl next: which primes follow a number. */

#include <stdio.h>

#include "ctl/neighbours.h"
#include "ctl/question.h"
#include "ctl/verb.h"

static void help(void) {
        printf("primectl next [OPTIONS...] P\n\n"
               "Print the prime of a store that comes next above P; with -n the N next ones,\n"
               "the smallest one first.\n\n"
               QUESTION_HELP
               "  -n --lines=N    Print N primes\n\n"
               "P is one of the " QUESTION_NUMBERS_HELP);
}

int verb_next(int argc, char *argv[]) {
        return neighbours_run("next", help, true, argc, argv);
}
