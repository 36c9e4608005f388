/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl nth: the prime of a store that has a number. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "ctl/json-number.h"
#include "ctl/question.h"
#include "ctl/verb.h"
#include "prime/number.h"

static void help(void) {
        printf("primectl nth [OPTIONS...] N\n\n"
               "Print the Nth prime of a store; the first has number 1. In a store that begins\n"
               "at 0, 1 or 2 it is the Nth prime of all: 2 is the first. In any other store N\n"
               "counts from where the store begins: 'nth 1' is its smallest prime.\n\n"
               QUESTION_HELP
               "\n"
               "N is one of the " QUESTION_NUMBERS_HELP);
}

static int print_nth(Question *question, const mpz_t n) {
        Problem problem = PROBLEM_NONE;
        _cleanup_mpz_ mpz_t rank, prime;
        int r;

        mpz_init(rank);
        mpz_init(prime);
        mpz_sub_ui(rank, n, 1);
        /* A store has fewer than 2^64 primes: the last rank is none of it, and the sentence is the same. */
        r = reader_query_nth(question->query, mpz_sizeinbase(rank, 2) > 64 ? UINT64_MAX : number_get_u64(rank), prime,
                             &problem);
        if (r < 0)
                return question_failed(&problem);
        if (question->json != JSON_OFF)
                r = question_print_json(question, json_pack("{s:o, s:o}", "n", json_number(n),
                                                            "prime", json_number(prime)));
        else {
                _cleanup_free_ char *text = number_format(prime);

                r = text ? 0 : -ENOMEM;
                if (text)
                        puts(text);
        }
        return question_end(question, r);
}

int verb_nth(int argc, char *argv[]) {
        Question question = {};
        const StoreOption options[] = { QUESTION_JSON_OPTION(question), {} };
        const StoreVerb verb = { .name = "nth", .help = help, .options = options, .most_words = 1 };
        _cleanup_mpz_ mpz_t n;
        int r;

        mpz_init(n);
        if (!question_parse(&question, &verb, 1, argc, argv, &r))
                return r;
        r = question_number(question.arguments.words[0], n);
        if (r == 0 && mpz_sgn(n) == 0) {
                log_error("There is no prime number 0: the first one is number 1.");
                r = EXIT_USAGE;
        }
        if (r == 0)
                r = question_open(&question);
        if (r == 0)
                r = print_nth(&question, n);
        question_done(&question);
        return r;
}
