/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl twins: pairs of primes with a difference of 2. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "ctl/json-number.h"
#include "ctl/question.h"
#include "ctl/verb.h"
#include "prime/number.h"
#include "store/reader-pairs.h"

static void help(void) {
        printf("primectl twins [OPTIONS...] [A [B]]\n\n"
               "Count the twin primes of a store in [A, B), B exclusive: the pairs p, p + 2 that\n"
               "both lie there. Without B up to where the store is complete, without A from its\n"
               "beginning. With --list print the pairs.\n\n"
               QUESTION_HELP
               "     --list       Print the pairs, one a line\n"
               "  -n --lines=N    Print at most N pairs; with --list\n\n"
               "A and B are " QUESTION_NUMBERS_HELP);
}

static int count_twins(Question *question) {
        const StoreInterval *interval = &question->interval;
        Problem problem = PROBLEM_NONE;
        Facts facts;
        int r;

        r = reader_interval_facts(question->reader, interval->low, interval->high, &facts, &problem);
        if (r < 0)
                return question_failed(&problem);
        if (question->json != JSON_OFF)
                r = question_print_json(question, json_pack("{s:o, s:o, s:o}", "from", json_number(interval->low),
                                                            "to", json_number(interval->high),
                                                            "twin_pairs", json_u64(facts.twins)));
        else
                printf("%" PRIu64 "\n", facts.twins);
        return question_end(question, r);
}

static int print_pair(Question *question, const ReaderPair *pair, mpz_t number) {
        _cleanup_free_ char *lower = NULL, *upper = NULL;

        place_number(reader_grid(question->reader), &pair->lower, number);
        lower = number_format(number);
        mpz_add_ui(number, number, 2);
        upper = number_format(number);
        if (!lower || !upper)
                return -ENOMEM;
        if (question->json == JSON_OFF)
                printf("%s %s\n", lower, upper);
        return question_list_add(question, question->json == JSON_OFF ? NULL : json_pack("[s, s]", lower, upper));
}

static int list_twins(Question *question) {
        Problem problem = PROBLEM_NONE;
        _cleanup_mpz_ mpz_t number;
        ReaderPairs pairs;
        ReaderPair pair;
        uint64_t n = 0;
        int r, k;

        mpz_init(number);
        r = reader_pairs_init(&pairs, question->reader, question->interval.low, question->interval.high, PAIR_TWIN, 0,
                              &problem);
        if (r < 0)
                return question_failed(&problem);
        k = question_list_begin(question, "pairs");
        while (k >= 0 && n++ < question->n_lines && (r = reader_pairs_next(&pairs, &pair, &problem)) > 0)
                k = print_pair(question, &pair, number);
        reader_pairs_done(&pairs);
        if (r < 0) { /* what is good goes out, also before a block that is not */
                (void) question_end(question, k);
                return question_failed(&problem);
        }
        return question_end(question, k < 0 ? k : question_list_end(question));
}

int verb_twins(int argc, char *argv[]) {
        Question question = {};
        bool list = false;
        const StoreOption options[] = {
                QUESTION_JSON_OPTION(question),
                QUESTION_LINES_OPTION(question),
                { "list", 0, no_argument, .given = &list },
                {},
        };
        const StoreVerb verb = { .name = "twins", .help = help, .options = options, .most_words = 2 };
        int r;

        if (!question_parse(&question, &verb, 0, argc, argv, &r))
                return r;
        if (question.lines_word && !list) {
                log_error("--lines is for lists: give --list too. Try 'primectl twins --help'.");
                return EXIT_USAGE;
        }
        r = question_open_interval(&question);
        if (r == 0)
                r = list ? list_twins(&question) : count_twins(&question);
        question_done(&question);
        return r;
}
