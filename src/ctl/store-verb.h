/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the verbs that read a store have in common: options, opening, the interval. These functions log what is wrong;
 * the results are exit statuses.
 */

#include <getopt.h>
#include <gmp.h>
#include <stdbool.h>

#include "store/reader.h"

#define STORE_OPTIONS_MAX 16

/* An option that a verb has for itself, and where it goes; of an option that is given twice, the last counts. */
typedef struct StoreOption {
        const char *name;
        char letter;        /* 0: none */
        int has_arg;        /* as in struct option */
        bool *given;        /* NULL: the verb looks at `value` alone */
        const char **value; /* NULL when `has_arg` is no_argument */
} StoreOption;

/* How such a verb is called. Each knows --help, --store and --job. */
typedef struct StoreVerb {
        const char *name;
        void (*help)(void);
        const StoreOption *options; /* up to the one without a name, at most STORE_OPTIONS_MAX; NULL: none */
        int most_words;             /* behind the options */
} StoreVerb;

#define STORE_VERB_HELP                                                                                      \
        "  -h --help       Show this help\n"                                                                 \
        "     --store=DIR  The store (default: see primectl(1))\n"                                            \
        "     --job=JOB    The store of this job of the master on this host\n"

typedef struct StoreArguments {
        const char *store;  /* NULL: the default one */
        const char *job;    /* the store of this job of the master instead; NULL: none */
        char **words;
        int n_words;
} StoreArguments;

/* True, and the verb goes on; or false, and it ends with `ret_status`: --help was asked for, or the usage is wrong. */
bool store_verb_parse(const StoreVerb *verb, int argc, char *argv[], StoreArguments *ret, int *ret_status);

/* How many primes an option asks for: "100", "1e8". 0, or -EINVAL after saying what is wrong. */
int store_verb_count(const char *option, const char *word, uint64_t *ret);

/*
 * The store to read: the one that was named; else the one that this user made last; else that of the master's newest
 * job. The caller frees. 0 or the exit status.
 */
int store_verb_path(const StoreArguments *arguments, char **ret);

/* `path` as from store_verb_path(). 0, and the caller closes the reader; or the exit status after an error. */
int store_verb_open(const char *path, Reader **ret);

/* The same with reader_open_damaged(): for who shows what is missing. */
int store_verb_open_damaged(const char *path, Reader **ret);

/* [A, B) of the command line, as far as the store has it. */
typedef struct StoreInterval {
        mpz_t low, high; /* low <= high; within the store's coverage */
        bool cut;        /* more was asked for than there is */
        bool to_end;     /* no end was asked for: up to where the store is complete */
        bool quiet;      /* the caller's: that this is not the end of the job is of no interest */
} StoreInterval;

/*
 * The interval that the words name, at most two, as far as this reader has it. 0, and the caller gives it to
 * store_interval_done(); or the exit status.
 */
int store_interval_take(const StoreArguments *arguments, const Reader *reader, StoreInterval *ret);

/*
 * Opens the store; takes the interval from the words, at most two: without B up to the frontier, without A all of it.
 * 0, and the caller closes the reader and gives the interval to store_interval_done(); or the exit status.
 */
int store_interval_open(const StoreArguments *arguments, Reader **ret_reader, StoreInterval *ret);
void store_interval_done(StoreInterval *interval);

/*
 * Says where the store's coverage ends, when the interval was cut, or has no end and the store is not complete. Returns
 * the exit status: in the first case it is a failure.
 */
int store_interval_end(const StoreInterval *interval, const Reader *reader);
