/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl random: primes of a store by lot. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/random.h"
#include "ctl/json-number.h"
#include "ctl/question.h"
#include "ctl/verb.h"
#include "prime/number.h"

static void help(void) {
        printf("primectl random [OPTIONS...] [A [B]]\n\n"
               "Draw a prime of a store in [A, B), each with the same chance. Without B up to\n"
               "where the store is complete, without A from its beginning. Not for secrets:\n"
               "everybody has these primes.\n\n"
               QUESTION_HELP
               "  -n --lines=N    Draw N primes; one may be drawn again\n"
               "     --seed=N     Draw the same ones each time\n\n"
               "A and B are " QUESTION_NUMBERS_HELP);
}

/* The ranks of the primes in the interval. */
static int find_ranks(Question *question, uint64_t *ret_first, uint64_t *ret_n, Problem *problem) {
        uint64_t first = 0, end = 0;
        int r;

        if (mpz_cmp(question->interval.low, question->interval.high) < 0) {
                r = reader_query_rank(question->query, question->interval.low, &first, problem);
                if (r < 0)
                        return r;
                r = reader_query_rank(question->query, question->interval.high, &end, problem);
                if (r < 0)
                        return r;
        }
        *ret_first = first;
        *ret_n = end - first;
        return 0;
}

static int print_prime(Question *question, const mpz_t prime) {
        _cleanup_free_ char *text = number_format(prime);

        if (!text)
                return -ENOMEM;
        if (question->json == JSON_OFF)
                puts(text);
        return question_list_add(question, question->json == JSON_OFF ? NULL : json_string(text));
}

static int draw(Question *question, Random *random) {
        uint64_t n_lines = question->lines_word ? question->n_lines : 1, first, n;
        Problem problem = PROBLEM_NONE;
        _cleanup_mpz_ mpz_t prime;
        int r, k;

        mpz_init(prime);
        r = find_ranks(question, &first, &n, &problem);
        if (r < 0)
                return question_failed(&problem);
        if (n == 0 && !question->interval.cut) {
                log_error("The store has no prime there.");
                return EXIT_FAILURE;
        }
        k = question_list_begin(question, "primes");
        for (uint64_t i = 0; n > 0 && i < n_lines && r >= 0 && k >= 0; i++) {
                r = reader_query_nth(question->query, first + random_below(random, n), prime, &problem);
                if (r >= 0)
                        k = print_prime(question, prime);
        }
        if (r < 0) {
                (void) question_end(question, k);
                return question_failed(&problem);
        }
        return question_end(question, k < 0 ? k : question_list_end(question));
}

int verb_random(int argc, char *argv[]) {
        Question question = {};
        const char *seed_word = NULL;
        const StoreOption options[] = {
                QUESTION_JSON_OPTION(question),
                QUESTION_LINES_OPTION(question),
                { "seed", 0, required_argument, .value = &seed_word },
                {},
        };
        const StoreVerb verb = { .name = "random", .help = help, .options = options, .most_words = 2 };
        Random random;
        uint64_t seed;
        int r;

        if (!question_parse(&question, &verb, 0, argc, argv, &r))
                return r;
        if (seed_word && parse_u64(seed_word, &seed) < 0) {
                log_error("--seed=%s: give a number below 2^64.", seed_word);
                return EXIT_USAGE;
        }
        if (!seed_word && getrandom(&seed, sizeof seed, 0) != (ssize_t) sizeof seed) {
                log_error("Failed to draw: %m.");
                return EXIT_FAILURE;
        }
        random_init(&random, seed);
        r = question_open_interval(&question);
        if (r == 0)
                r = draw(&question, &random);
        question_done(&question);
        return r;
}
