/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the verbs that ask a store something have in common: the options --json and -n, one answer or a list of them,
 * for people a line each, as JSON one object. Functions log what is wrong; results are exit statuses unless said
 * otherwise.
 */

#include <gmp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl/client-options.h"
#include "ctl/store-verb.h"
#include "store/reader-query.h"

typedef struct Question {
        StoreArguments arguments;
        bool has_json;
        const char *json_word, *lines_word;
        JsonMode json;
        uint64_t n_lines; /* at most; UINT64_MAX when not given */

        bool damaged_too; /* question_open() takes a store that lost a segment */
        Reader *reader;
        ReaderQuery *query;
        bool has_interval;
        StoreInterval interval;

        bool listed; /* a list was begun, and has an element */
} Question;

/* Rows for a table of StoreOption. */
#define QUESTION_JSON_OPTION(question)                                                                       \
        { "json", 0, optional_argument, &(question).has_json, &(question).json_word }
#define QUESTION_LINES_OPTION(question)                                                                      \
        { "lines", 'n', required_argument, .value = &(question).lines_word }

#define QUESTION_HELP                                                                                        \
        STORE_VERB_HELP                                                                                      \
        "     --json[=MODE]  Write a JSON object: pretty, short, or off; integers that\n"                    \
        "                  can be large are strings\n"
#define QUESTION_NUMBERS_HELP "integers of any size: 123, 1e12, 10^24, 2^64+13, 5*10^30.\n"

/* As store_verb_parse(), and there are at least so many words. `question` is zero before. */
bool question_parse(Question *question, const StoreVerb *verb, int least_words, int argc, char *argv[],
                    int *ret_status);

/* A number on the command line; `ret` is initialised by the caller. 0 or the exit status. */
int question_number(const char *word, mpz_t ret);

/*
 * Opens the store; with the interval that the words name, as far as the store has it. 0, or the exit status. The
 * question is given to question_done() either way.
 */
int question_open(Question *question);
int question_open_interval(Question *question);
void question_done(Question *question);

/* Logs the sentence. Returns the exit status of a failure. */
int question_failed(const Problem *problem);

/* Prints the object in place of text for people, and drops the reference. NULL: out of memory. 0 or negative errno. */
int question_print_json(const Question *question, json_t *object);

/*
 * A list that is printed while it is found, for it may be long. The object has the interval's ends, if there is one,
 * and the list under `name`. question_list_add() takes the reference of `element`, which is printed as JSON only and
 * may be NULL otherwise. Negative errno when writing fails: -EPIPE when the reader of a pipe has seen enough.
 */
int question_list_begin(Question *question, const char *name);
int question_list_add(Question *question, json_t *element);
int question_list_end(Question *question);

/* The last word: sees that all was written, and says where the store ends if the interval was cut. `r`: of printing. */
int question_end(Question *question, int r);
