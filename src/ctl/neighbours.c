/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Primes next to a number. */

#include "ctl/neighbours.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/macro.h"
#include "ctl/json-number.h"
#include "ctl/question.h"
#include "prime/number.h"

static int print_prime(Question *question, const mpz_t number) {
        if (question->json == JSON_OFF) {
                _cleanup_free_ char *text = number_format(number);

                if (!text)
                        return -ENOMEM;
                puts(text);
        }
        return question_list_add(question, question->json == JSON_OFF ? NULL : json_number(number));
}

/* 1 and the next one; 0: there are no more; negative errno with the sentence. Changes `number` to it. */
static int step(Question *question, bool above, mpz_t number, Problem *problem) {
        if (!above)
                return reader_query_previous(question->query, number, number, problem);
        mpz_add_ui(number, number, 1);
        return reader_query_next(question->query, number, number, problem);
}

/* Those that were wanted are not all there. */
static int tell_end(const Question *question, bool above) {
        const Grid *grid = reader_grid(question->reader);
        _cleanup_free_ char *from = NULL, *end = NULL;
        _cleanup_mpz_ mpz_t coverage;

        mpz_init(coverage);
        reader_coverage(question->reader, coverage);
        from = number_format_short(grid->from);
        end = number_format_short(coverage);
        log_error("The store has no more primes %s: it covers the numbers from %s up to but not including %s.",
                  above ? "above" : "below", from ?: "?", end ?: "?");
        return EXIT_FAILURE;
}

static int print_neighbours(Question *question, bool above, mpz_t number) {
        uint64_t n_lines = question->lines_word ? question->n_lines : 1;
        Problem problem = PROBLEM_NONE;
        int r = 1, k, status = EXIT_SUCCESS;

        /* The first one before anything is printed: it may be a number that the store does not cover. */
        if (n_lines > 0)
                r = step(question, above, number, &problem);
        if (r < 0)
                return question_failed(&problem);
        k = question_list_begin(question, "primes");
        for (uint64_t i = 0; i < n_lines && r > 0 && k >= 0; i++) {
                k = print_prime(question, number);
                if (i + 1 < n_lines)
                        r = step(question, above, number, &problem);
        }
        if (k >= 0)
                k = question_list_end(question);
        status = question_end(question, k);
        if (r < 0)
                return question_failed(&problem);
        return r == 0 && k >= 0 ? tell_end(question, above) : status;
}

int neighbours_run(const char *name, void (*help)(void), bool above, int argc, char *argv[]) {
        Question question = {};
        const StoreOption options[] = { QUESTION_JSON_OPTION(question), QUESTION_LINES_OPTION(question), {} };
        const StoreVerb verb = { .name = name, .help = help, .options = options, .most_words = 1 };
        _cleanup_mpz_ mpz_t number;
        int r;

        mpz_init(number);
        if (!question_parse(&question, &verb, 1, argc, argv, &r))
                return r;
        r = question_number(question.arguments.words[0], number);
        if (r == 0)
                r = question_open(&question);
        if (r == 0)
                r = print_neighbours(&question, above, number);
        question_done(&question);
        return r;
}
