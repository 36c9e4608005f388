/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * primectl: finds the verb and lets it speak.
 *
 * How to add a verb: write verb-NAME.c with int verb_NAME(int argc, char *argv[]), declare it in verb.h, add a line
 * to the table below, a section to man/primectl.1.scd.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/macro.h"
#include "ctl/verb.h"

typedef struct Verb {
        const char *name;
        int (*run)(int argc, char *argv[]);
        const char *help;
} Verb;

static const Verb verbs[] = {
        { "local", verb_local, "Find all primes of an interval on this machine" },
        { "cat", verb_cat, "Print primes of a store in order" },
        { "count", verb_count, "Count primes of a store" },
        { "info", verb_info, "Show what a store holds" },
        { "verify", verb_verify, "Check a store for damage and gaps" },
};

static void help(void) {
        printf("primectl [OPTIONS...] COMMAND ...\n\n"
               "Find prime numbers and ask for them.\n\n"
               "Commands:\n");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                printf("  %-8s  %s\n", verbs[i].name, verbs[i].help);
        printf("\nOptions:\n"
               "  -h --help     Show this help, or with a command its help\n"
               "     --version  Show the version\n\n"
               "See the primectl(1) man page for details.\n");
}

static const Verb *find_verb(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].name, name) == 0)
                        return verbs + i;
        return NULL;
}

int main(int argc, char *argv[]) {
        const char *word = argc > 1 ? argv[1] : NULL;
        const Verb *verb;

        fd_open_standard();
        log_setup("primectl", LOG_INFO);

        if (!word) {
                help();
                return EXIT_USAGE;
        }
        if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
                help();
                return EXIT_SUCCESS;
        }
        if (strcmp(word, "help") == 0) {
                char *asked[] = { argc > 2 ? argv[2] : argv[1], (char *) "--help", NULL };

                verb = argc > 2 ? find_verb(argv[2]) : NULL;
                if (verb)
                        return verb->run(2, asked);
                help();
                return EXIT_SUCCESS;
        }
        if (strcmp(word, "--version") == 0) {
                printf("primectl %s\n", PRIMED_VERSION);
                return EXIT_SUCCESS;
        }
        if (word[0] == '-') {
                log_error("Unknown option '%s'. Try 'primectl --help'.", word);
                return EXIT_USAGE;
        }
        verb = find_verb(word);
        if (!verb) {
                log_error("Unknown command '%s'. Try 'primectl --help'.", word);
                return EXIT_USAGE;
        }
        return verb->run(argc - 1, argv + 1);
}
