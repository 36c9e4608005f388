/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the verbs that read a store have in common. These functions log; the results are exit statuses. */

#include <gmp.h>
#include <stdbool.h>

#include "store/reader.h"

/* `path` or, when it is NULL, the default store. 0, or the exit status after an error. */
int store_verb_open(const char *path, Reader **ret);

/* The path that store_verb_open() would use; the caller frees. 0 or the exit status. */
int store_verb_path(const char *path, char **ret);

/* [A, B) of the command line, as far as the store has it. */
typedef struct StoreInterval {
        mpz_t low, high; /* low <= high; within the store's coverage */
        bool cut;        /* more was asked for than there is */
} StoreInterval;

/*
 * From the words `n_words`, at most two; without B up to the frontier, without A all of it. 0, and the caller calls
 * store_interval_done(); or the exit status.
 */
int store_interval_init(StoreInterval *interval, const Reader *reader, char *words[], int n_words);
void store_interval_done(StoreInterval *interval);

/* Says where the store's coverage ends, when the interval was cut. Returns the exit status. */
int store_interval_end(const StoreInterval *interval, const Reader *reader);
