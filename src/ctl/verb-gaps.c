/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl gaps: differences of neighbouring primes. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "ctl/json-number.h"
#include "ctl/question.h"
#include "ctl/verb.h"
#include "prime/number.h"
#include "store/reader-pairs.h"

static void help(void) {
        printf("primectl gaps [OPTIONS...] [A [B]]\n\n"
               "Print the largest gap of a store between neighbouring primes in [A, B), the\n"
               "first one if there are several: the difference, the lower and the upper prime.\n"
               "Without B up to where the store is complete, without A from its beginning.\n\n"
               QUESTION_HELP
               "     --maximal    Print every gap that is larger than all before it, from the\n"
               "                  store's first prime on\n"
               "     --min=N      Print every gap of N or more\n"
               "  -n --lines=N    Print at most N gaps\n\n"
               "A and B are " QUESTION_NUMBERS_HELP);
}

static int print_gap(Question *question, const mpz_t lower, uint64_t gap) {
        _cleanup_free_ char *after = number_format(lower), *before = NULL;
        _cleanup_mpz_ mpz_t upper;

        mpz_init(upper);
        number_add_u64(upper, lower, gap);
        before = number_format(upper);
        if (!after || !before)
                return -ENOMEM;
        if (question->json == JSON_OFF)
                printf("%" PRIu64 " %s %s\n", gap, after, before);
        return question_list_add(question, question->json == JSON_OFF ? NULL :
                                 json_pack("{s:o, s:s, s:s}", "gap", json_u64(gap), "after", after, "before", before));
}

static int print_largest(Question *question) {
        Problem problem = PROBLEM_NONE;
        _cleanup_mpz_ mpz_t lower;
        Facts facts;
        int r;

        mpz_init(lower);
        r = reader_interval_facts(question->reader, question->interval.low, question->interval.high, &facts, &problem);
        if (r < 0)
                return question_failed(&problem);
        r = question_list_begin(question, "gaps");
        if (r >= 0 && facts.gap > 0 && question->n_lines > 0) {
                place_number(reader_grid(question->reader), &facts.gap_at, lower);
                r = print_gap(question, lower, facts.gap);
        }
        return question_end(question, r < 0 ? r : question_list_end(question));
}

static int print_list(Question *question, bool maximal, uint64_t minimum) {
        const StoreInterval *interval = &question->interval;
        const Grid *grid = reader_grid(question->reader);
        /* What is a record is decided from the store's first prime on, whatever part of it is asked for. */
        bool from_start = maximal && mpz_cmp(interval->low, interval->high) < 0;
        Problem problem = PROBLEM_NONE;
        _cleanup_mpz_ mpz_t lower;
        ReaderPairs pairs;
        ReaderPair pair;
        uint64_t n = 0;
        int r, k;

        mpz_init(lower);
        r = reader_pairs_init(&pairs, question->reader, from_start ? grid->from : interval->low, interval->high,
                              maximal ? PAIR_RECORD : PAIR_GAP, minimum, &problem);
        if (r < 0)
                return question_failed(&problem);
        k = question_list_begin(question, "gaps");
        while (k >= 0 && n < question->n_lines && (r = reader_pairs_next(&pairs, &pair, &problem)) > 0) {
                place_number(grid, &pair.lower, lower);
                if (mpz_cmp(lower, interval->low) < 0 || pair.gap < minimum)
                        continue;
                k = print_gap(question, lower, pair.gap);
                n++;
        }
        reader_pairs_done(&pairs);
        if (r < 0) { /* what is good goes out, also before a block that is not */
                (void) question_end(question, k);
                return question_failed(&problem);
        }
        return question_end(question, k < 0 ? k : question_list_end(question));
}

int verb_gaps(int argc, char *argv[]) {
        Question question = {};
        const char *min_word = NULL;
        bool maximal = false;
        const StoreOption options[] = {
                QUESTION_JSON_OPTION(question),
                QUESTION_LINES_OPTION(question),
                { "maximal", 0, no_argument, .given = &maximal },
                { "min", 0, required_argument, .value = &min_word },
                {},
        };
        const StoreVerb verb = { .name = "gaps", .help = help, .options = options, .most_words = 2 };
        uint64_t minimum = 0;
        int r;

        if (!question_parse(&question, &verb, 0, argc, argv, &r))
                return r;
        if (min_word && parse_u64(min_word, &minimum) < 0) {
                log_error("--min=%s: give the size of a gap.", min_word);
                return EXIT_USAGE;
        }
        r = question_open_interval(&question);
        if (r == 0)
                r = maximal || min_word ? print_list(&question, maximal, minimum) : print_largest(&question);
        question_done(&question);
        return r;
}
