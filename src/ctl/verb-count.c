/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl count: how many primes a store has in an interval. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/json-number.h"
#include "ctl/question.h"
#include "ctl/verb.h"
#include "store/reader-interval.h"

static void help(void) {
        printf("primectl count [OPTIONS...] [A [B]]\n\n"
               "Count the primes of a store in [A, B), B exclusive. Without B up to where the\n"
               "store is complete, without A from its beginning. The store knows how many primes\n"
               "are before each block, so that only the blocks at both ends are read; whether\n"
               "the others are intact, 'primectl verify' tells.\n\n"
               QUESTION_HELP
               "\n"
               "A and B are " QUESTION_NUMBERS_HELP);
}

static int count(Question *question) {
        const StoreInterval *interval = &question->interval;
        Problem problem = PROBLEM_NONE;
        uint64_t n_primes;
        int r;

        r = reader_count(question->reader, interval->low, interval->high, &n_primes, &problem);
        if (r < 0)
                return question_failed(&problem);
        if (question->json != JSON_OFF)
                r = question_print_json(question, json_pack("{s:o, s:o, s:o}", "from", json_number(interval->low),
                                                            "to", json_number(interval->high),
                                                            "primes", json_u64(n_primes)));
        else
                printf("%" PRIu64 "\n", n_primes);
        return question_end(question, r);
}

int verb_count(int argc, char *argv[]) {
        Question question = {};
        const StoreOption options[] = { QUESTION_JSON_OPTION(question), {} };
        const StoreVerb verb = { .name = "count", .help = help, .options = options, .most_words = 2 };
        int r;

        if (!question_parse(&question, &verb, 0, argc, argv, &r))
                return r;
        r = question_open_interval(&question);
        if (r == 0)
                r = count(&question);
        question_done(&question);
        return r;
}
