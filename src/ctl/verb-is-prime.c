/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl is-prime: what a store says of single numbers. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/macro.h"
#include "ctl/json-number.h"
#include "ctl/question.h"
#include "ctl/verb.h"
#include "prime/number.h"

static void help(void) {
        printf("primectl is-prime [OPTIONS...] P...\n\n"
               "Look up in a store whether numbers are prime. The exit status is 0 when all of\n"
               "them are, 1 when one is not, 4 when the store cannot tell: it does not cover a\n"
               "number, or cannot be read.\n\n"
               QUESTION_HELP
               "  -q --quiet      Print nothing, the exit status tells\n\n"
               "P are " QUESTION_NUMBERS_HELP);
}

/* Prints one answer: the exit status, or negative errno when that failed. */
static int answer(Question *question, bool quiet, const char *word, const mpz_t number) {
        _cleanup_free_ char *text = number_format(number);
        Problem problem = PROBLEM_NONE;
        int r, k = 0;

        r = reader_query_contains(question->query, number, &problem);
        if (r < 0) {
                log_error("The store cannot tell whether %s is prime. %s", word, problem.text);
                return EXIT_UNKNOWN;
        }
        if (!text)
                return -ENOMEM;
        if (!quiet) {
                if (question->json == JSON_OFF)
                        printf("%s is %s\n", text, r > 0 ? "prime" : "not prime");
                k = question_list_add(question, json_pack("{s:s, s:b}", "number", text, "prime", r));
        }
        return k < 0 ? k : r > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The highest status of all numbers. */
static int answer_all(Question *question, bool quiet, mpz_t *numbers) {
        int r, status = EXIT_SUCCESS;

        r = quiet ? 0 : question_list_begin(question, "numbers");
        for (int i = 0; r >= 0 && i < question->arguments.n_words; i++) {
                r = answer(question, quiet, question->arguments.words[i], numbers[i]);
                status = MAX(status, r);
        }
        if (r >= 0 && !quiet)
                r = question_list_end(question);
        r = question_end(question, MIN(r, 0));
        return r == EXIT_SUCCESS ? status : EXIT_UNKNOWN;
}

int verb_is_prime(int argc, char *argv[]) {
        Question question = {};
        bool quiet = false;
        const StoreOption options[] = {
                QUESTION_JSON_OPTION(question),
                { "quiet", 'q', no_argument, .given = &quiet },
                {},
        };
        const StoreVerb verb = { .name = "is-prime", .help = help, .options = options, .most_words = INT_MAX };
        mpz_t *numbers;
        int r, n;

        if (!question_parse(&question, &verb, 1, argc, argv, &r))
                return r;
        n = question.arguments.n_words;
        numbers = calloc((size_t) n, sizeof *numbers);
        if (!numbers) {
                log_error("Out of memory.");
                return EXIT_UNKNOWN;
        }
        for (int i = 0; i < n; i++)
                mpz_init(numbers[i]);
        r = EXIT_SUCCESS;
        for (int i = 0; r == EXIT_SUCCESS && i < n; i++)
                r = question_number(question.arguments.words[i], numbers[i]);
        if (r == EXIT_SUCCESS)
                r = question_open(&question) == 0 ? answer_all(&question, quiet, numbers) : EXIT_UNKNOWN;
        for (int i = 0; i < n; i++)
                mpz_clear(numbers[i]);
        free(numbers);
        question_done(&question);
        return r;
}
