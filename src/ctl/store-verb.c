/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Options, opening and intervals for the verbs that read a store. */

#include "ctl/store-verb.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/option.h"
#include "ctl/store-path.h"
#include "ctl/system-store.h"
#include "ctl/verb.h"
#include "prime/number.h"

enum { N_COMMON = 3, ARG_STORE = 0x100, ARG_JOB, ARG_OPTION }; /* ARG_OPTION + i: the i-th of the verb */

/* For getopt: the verb's own options, and their letters. */
static void verb_options(const StoreVerb *verb, struct option *options, char *letters) {
        for (int i = 0; verb->options && verb->options[i].name; i++) {
                const StoreOption *option = verb->options + i;

                assert(i < STORE_OPTIONS_MAX);
                options[i] = (struct option) { option->name, option->has_arg, NULL, ARG_OPTION + i };
                if (option->letter == 0)
                        continue;
                *letters++ = option->letter;
                for (int k = 0; k < option->has_arg; k++) /* one colon: a value; two: it may be left out */
                        *letters++ = ':';
        }
        *letters = '\0';
}

/* Puts what was given where the verb wants it. False when `c` is none of its options. */
static bool verb_take(const StoreVerb *verb, int c) {
        for (int i = 0; verb->options && verb->options[i].name; i++) {
                const StoreOption *option = verb->options + i;

                if (c != ARG_OPTION + i && (option->letter == 0 || c != option->letter))
                        continue;
                if (option->given)
                        *option->given = true;
                if (option->value)
                        *option->value = optarg;
                return true;
        }
        return false;
}

bool store_verb_parse(const StoreVerb *verb, int argc, char *argv[], StoreArguments *ret, int *ret_status) {
        struct option options[N_COMMON + STORE_OPTIONS_MAX + 1] = {
                { "help", no_argument, NULL, 'h' },
                { "store", required_argument, NULL, ARG_STORE },
                { "job", required_argument, NULL, ARG_JOB },
        };
        char letters[1 + 3 * STORE_OPTIONS_MAX + 1] = "h";
        StoreArguments arguments = {};
        char command[64];

        (void) snprintf(command, sizeof command, "primectl %s", verb->name);
        verb_options(verb, options + N_COMMON, letters + 1);
        optind = 0;
        for (int c; (c = option_next(argc, argv, letters, options, command)) >= 0;)
                if (c == 'h') {
                        verb->help();
                        *ret_status = EXIT_SUCCESS;
                        return false;
                } else if (c == ARG_STORE)
                        arguments.store = optarg;
                else if (c == ARG_JOB)
                        arguments.job = optarg;
                else if (!verb_take(verb, c)) {
                        *ret_status = EXIT_USAGE;
                        return false;
                }
        arguments.words = argv + optind;
        arguments.n_words = argc - optind;
        if (arguments.n_words > verb->most_words) {
                log_error("Unexpected argument '%s'. Try '%s --help'.", arguments.words[verb->most_words], command);
                *ret_status = EXIT_USAGE;
                return false;
        }
        if (arguments.store && arguments.job) {
                log_error("Give only one of --store and --job.");
                *ret_status = EXIT_USAGE;
                return false;
        }
        *ret = arguments;
        return true;
}

int store_verb_count(const char *option, const char *word, uint64_t *ret) {
        _cleanup_mpz_ mpz_t number;

        mpz_init(number);
        if (number_parse(number, word, NULL) < 0 || mpz_sizeinbase(number, 2) > 64) {
                log_error("--%s=%s: give a number of primes, like 1000 or 1e8.", option, word);
                return -EINVAL;
        }
        *ret = number_get_u64(number);
        return 0;
}

/* Whether there is a store, readable or not. */
static bool is_store(const char *path) {
        _cleanup_free_ char *file = NULL;

        return asprintf(&file, "%s/job", path) >= 0 && access(file, F_OK) >= 0;
}

/* The user's own, else the system's; when there is neither, where the user's would be. */
static int default_store(char **ret) {
        _cleanup_free_ char *own = NULL;
        int r, k;

        r = store_path_last(&own);
        if (r == -ENOMEM || (r >= 0 && is_store(own))) {
                *ret = TAKE_PTR(own);
                return r;
        }
        k = system_store_find(NULL, ret);
        if (k != -ENOENT)
                return k;
        *ret = TAKE_PTR(own);
        return r;
}

int store_verb_path(const StoreArguments *arguments, char **ret) {
        int r;

        if (arguments->store) {
                *ret = strdup(arguments->store);
                r = *ret ? 0 : -ENOMEM;
        } else if (arguments->job) {
                r = system_store_find(arguments->job, ret);
                if (r == -ENOENT) {
                        log_error("There is no store of a job '%s' on this host: 'primectl jobs' lists the jobs.",
                                  arguments->job);
                        return EXIT_FAILURE;
                }
        } else
                r = default_store(ret);
        if (r == -ENOENT) {
                log_error("Neither XDG_DATA_HOME nor HOME is set: say with --store where the store is.");
                return EXIT_FAILURE;
        }
        if (r < 0) {
                log_error("Out of memory.");
                return EXIT_FAILURE;
        }
        return 0;
}

/* The exit status for what opening came to. */
static int opened(int r, const Problem *problem) {
        if (r == -ENOENT) {
                log_error("%s Make one with 'primectl local', or say with --store where it is.", problem->text);
                return EXIT_FAILURE;
        }
        if (r < 0) {
                log_error("%s", problem->text);
                return EXIT_FAILURE;
        }
        return 0;
}

int store_verb_open(const char *path, Reader **ret) {
        Problem problem = PROBLEM_NONE;

        return opened(reader_open(path, ret, &problem), &problem);
}

int store_verb_open_damaged(const char *path, Reader **ret) {
        Problem problem = PROBLEM_NONE;

        return opened(reader_open_damaged(path, ret, &problem), &problem);
}

/* -EINVAL after saying what is wrong. */
static int interval_parse(StoreInterval *interval, char *words[], int n_words) {
        Problem problem = PROBLEM_NONE;

        if ((n_words > 0 && number_parse(interval->low, words[0], &problem) < 0) ||
            (n_words > 1 && number_parse(interval->high, words[1], &problem) < 0)) {
                log_error("%s", problem.text);
                return -EINVAL;
        }
        if (n_words > 1 && mpz_cmp(interval->low, interval->high) >= 0) {
                log_error("The interval from %s to %s is empty: the end must be larger than the beginning.", words[0],
                          words[1]);
                return -EINVAL;
        }
        return 0;
}

/* As far as the store has it. */
static void interval_cut(StoreInterval *interval, const Reader *reader, int n_words) {
        const Grid *grid = reader_grid(reader);
        _cleanup_mpz_ mpz_t coverage;

        mpz_init(coverage);
        reader_coverage(reader, coverage);
        if (n_words < 1)
                mpz_set(interval->low, grid->from);
        if (n_words < 2)
                mpz_set(interval->high, coverage);
        if (mpz_cmp(interval->low, grid->from) < 0) {
                mpz_set(interval->low, grid->from);
                interval->cut = true;
        }
        if (mpz_cmp(interval->high, coverage) > 0) {
                mpz_set(interval->high, coverage);
                interval->cut = true;
        }
        if (mpz_cmp(interval->low, interval->high) > 0) { /* all of it is outside */
                mpz_set(interval->low, interval->high);
                interval->cut = true;
        }
}

int store_interval_take(const StoreArguments *arguments, const Reader *reader, StoreInterval *ret) {
        mpz_init(ret->low);
        mpz_init(ret->high);
        ret->cut = ret->quiet = false;
        ret->to_end = arguments->n_words < 2;
        if (interval_parse(ret, arguments->words, arguments->n_words) < 0) {
                store_interval_done(ret);
                return EXIT_USAGE;
        }
        interval_cut(ret, reader, arguments->n_words);
        return 0;
}

int store_interval_open(const StoreArguments *arguments, Reader **ret_reader, StoreInterval *ret) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = store_verb_path(arguments, &path);
        if (r != 0)
                return r;
        r = store_verb_open(path, ret_reader);
        if (r != 0)
                return r;
        r = store_interval_take(arguments, *ret_reader, ret);
        if (r != 0)
                *ret_reader = reader_close(*ret_reader);
        return r;
}

void store_interval_done(StoreInterval *interval) {
        mpz_clear(interval->low);
        mpz_clear(interval->high);
}

int store_interval_end(const StoreInterval *interval, const Reader *reader) {
        const Grid *grid = reader_grid(reader);
        _cleanup_free_ char *from = NULL, *end = NULL;
        bool complete = !grid->open && reader_frontier(reader) == grid->n_blocks;
        mpz_t coverage;

        if (!interval->cut && (!interval->to_end || complete || interval->quiet))
                return EXIT_SUCCESS;
        mpz_init(coverage);
        reader_coverage(reader, coverage);
        from = number_format_short(grid->from);
        end = number_format_short(coverage);
        mpz_clear(coverage);
        if (!interval->cut) {
                log_notice("The store is not complete: this is about the numbers up to but not including %s. 'primectl "
                           "coverage' shows what is missing.", end ?: "?");
                return EXIT_SUCCESS;
        }
        if (complete)
                log_error("The store covers the numbers from %s up to but not including %s; the rest of what was asked "
                          "for lies outside of its job.", from ?: "?", end ?: "?");
        else
                log_error("The store covers the numbers from %s up to but not including %s so far.", from ?: "?",
                          end ?: "?");
        return EXIT_FAILURE;
}
