/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * primectl: finds the verb and lets it speak.
 *
 * How to add a verb: write verb-NAME.c with int verb_NAME(int argc, char *argv[]), declare it in verb.h, add a line
 * to the table below, a section to man/primectl.1.scd.
 */

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/daemon.h"
#include "base/log.h"
#include "base/macro.h"
#include "ctl/terminal.h"
#include "ctl/verb.h"

typedef struct Verb {
        const char *name; /* NULL: a heading for those that follow */
        int (*run)(int argc, char *argv[]);
        const char *help;
} Verb;

static const Verb verbs[] = {
        { .help = "Of a network" },
        { "status", verb_status, "Show what the daemons on this host do" },
        { "start", verb_start, "Let the master find all primes of an interval" },
        { "pause", verb_pause, "Let jobs wait" },
        { "resume", verb_resume, "Let jobs go on" },
        { "cancel", verb_cancel, "Take jobs from the master; the primes stay" },
        { "jobs", verb_jobs, "List the master's jobs" },
        { "workers", verb_workers, "List the master's workers" },
        { "join", verb_join, "Compute for a master, without any configuration" },

        { .help = "Of this machine" },
        { "local", verb_local, "Find all primes of an interval on this machine" },

        { .help = "Of a store" },
        { "cat", verb_cat, "Print primes in order" },
        { "export", verb_export, "Write primes to files" },
        { "info", verb_info, "Show what the store holds" },
        { "coverage", verb_coverage, "Show of which numbers it has the primes" },
        { "verify", verb_verify, "Check it for damage and gaps" },
        { "store", verb_store, "Begin a new file of it, or keep less of the old ones" },

        { .help = "Questions to a store" },
        { "is-prime", verb_is_prime, "Look up whether numbers are prime" },
        { "next", verb_next, "Print the primes above a number" },
        { "prev", verb_prev, "Print the primes below a number" },
        { "nth", verb_nth, "Print the Nth prime" },
        { "random", verb_random, "Draw primes" },
        { "count", verb_count, "Count primes" },
        { "twins", verb_twins, "Count or print twin primes" },
        { "gaps", verb_gaps, "Print the largest gaps between primes" },
        { "classes", verb_classes, "Count primes by their residue modulo 30" },
};

static void print_verbs(void) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (verbs[i].name)
                        printf("  %-8s  %s\n", verbs[i].name, verbs[i].help);
                else
                        printf(" %s%s%s\n", terminal_color(COLOR_BOLD), verbs[i].help, terminal_color(COLOR_NONE));
}

static void help(void) {
        printf("primectl [OPTIONS...] COMMAND ...\n\n"
               "%sFind prime numbers and ask for them.%s\n\n"
               "Commands:\n", terminal_color(COLOR_BOLD), terminal_color(COLOR_NONE));
        print_verbs();
        printf("\nOptions:\n"
               "  -h --help     Show this help, or with a command its help\n"
               "     --version  Show the version\n\n"
               "Each command has options of its own: 'primectl COMMAND --help'. Without one the\n"
               "status is shown, if a daemon of primed runs on this host.\n\n"
               "See the primectl(1) man page for details.\n");
}

static const Verb *find_verb(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (verbs[i].name && strcmp(verbs[i].name, name) == 0)
                        return verbs + i;
        return NULL;
}

/*
 * Options may stand in front of the command, as with systemctl: those that are for tables and hosts. Returns how many
 * words they take; which verb knows them is its own matter.
 */
static int count_options(int argc, char *argv[]) {
        static const char *const flags[] = { "--no-legend", "--no-pager", "--full", "--quiet", "--json" };
        int n = 0;

        while (n < argc && argv[n][0] == '-') {
                const char *word = argv[n];
                bool known = strncmp(word, "--json=", 7) == 0 || strncmp(word, "--host=", 7) == 0 ||
                             (word[1] != '\0' && word[1] != '-' && strspn(word + 1, "lqj") == strlen(word + 1)) ||
                             (word[1] == 'H' && word[2] != '\0');

                for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                        known = known || strcmp(word, flags[i]) == 0;
                if (known)
                        n++;
                else if (strcmp(word, "-H") == 0 || strcmp(word, "--host") == 0)
                        n += 2;
                else
                        break;
        }
        return MIN(n, argc);
}

/* The verb becomes argv[0], the options in front of it its first arguments. */
static int run_verb(const Verb *verb, int n_options, int argc, char *argv[]) {
        char *name = argv[n_options];

        memmove(argv + 1, argv, (size_t) n_options * sizeof *argv);
        argv[0] = name;
        return verb->run(argc, argv);
}

static int run_without_verb(int n_options, char *argv[]) {
        char *words[] = { (char *) "status", NULL };

        if (n_options == 0 && !status_has_daemon()) {
                help();
                return EXIT_USAGE;
        }
        argv[-1] = words[0]; /* the options follow */
        return verb_status(n_options + 1, argv - 1);
}

static int show_help(int argc, char *argv[]) {
        const Verb *verb = argc > 1 ? find_verb(argv[1]) : NULL;
        char *words[] = { argc > 1 ? argv[1] : argv[0], (char *) "--help", NULL };

        if (argc > 1 && !verb && argv[1][0] != '-') {
                log_error("Unknown command '%s'. Try 'primectl --help'.", argv[1]);
                return EXIT_USAGE;
        }
        if (verb)
                return verb->run(2, words);
        help();
        return EXIT_SUCCESS;
}

int main(int argc, char *argv[]) {
        const Verb *verb;
        const char *word;
        int n_options;

        process_prepare();
        log_setup("primectl", LOG_INFO);
        (void) setlocale(LC_CTYPE, ""); /* which characters the terminal has */

        argc--;
        argv++;
        n_options = count_options(argc, argv);
        if (n_options == argc)
                return run_without_verb(n_options, argv);
        word = argv[n_options];
        if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
                help();
                return EXIT_SUCCESS;
        }
        if (strcmp(word, "help") == 0)
                return show_help(argc - n_options, argv + n_options);
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
        return run_verb(verb, n_options, argc, argv);
}
