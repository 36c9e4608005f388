/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl coverage: of which numbers a store knows the primes. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/interval-set.h"
#include "base/macro.h"
#include "base/text.h"
#include "ctl/json-number.h"
#include "ctl/question.h"
#include "ctl/table.h"
#include "ctl/verb.h"
#include "prime/number.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(Table *, table_free);

typedef struct Coverage {
        const Question *question;
        IntervalSet islands, spool;
        Table *table;  /* for people */
        json_t *array; /* or for programs */
} Coverage;

static void help(void) {
        printf("primectl coverage [OPTIONS...]\n\n"
               "Show of which numbers a store has the primes: the part that is complete from the\n"
               "beginning, which all other commands read; what is missing; and what is there\n"
               "already beyond that.\n\n"
               QUESTION_HELP
               "     --no-legend  Print no heading\n\n"
               "STATE is complete, missing, sealed (a file of the store behind a hole) or early\n"
               "(finished before its turn; it waits in the spool).\n");
}

/* Where a block begins; of the one behind the job's last, where the job ends. */
static void block_start(const Grid *grid, uint64_t sequence, mpz_t ret) {
        const Place place = { sequence, 0 };

        if (sequence == 0)
                mpz_set(ret, grid->from);
        else if (sequence == grid->n_blocks && !grid->open)
                mpz_set(ret, grid->to);
        else
                place_number(grid, &place, ret);
}

/* `to` is not reached when the job is open: NULL. */
static int coverage_add(Coverage *coverage, uint64_t first, uint64_t end, const char *state) {
        const Grid *grid = reader_grid(coverage->question->reader);
        bool endless = grid->open && end == grid->n_blocks;
        _cleanup_free_ char *from_text = NULL, *to_text = NULL;
        _cleanup_mpz_ mpz_t from, to;
        char blocks[TEXT_SIZE];

        mpz_init(from);
        mpz_init(to);
        block_start(grid, first, from);
        block_start(grid, end, to);
        if (coverage->array)
                return json_array_append_new(coverage->array,
                                             json_pack("{s:o, s:o, s:o, s:s}", "from", json_number(from),
                                                       "to", endless ? json_null() : json_number(to),
                                                       "blocks", endless ? json_null() : json_u64(end - first),
                                                       "state", state)) < 0 ? -ENOMEM : 0;
        from_text = number_format_short(from);
        to_text = endless ? NULL : number_format_short(to);
        if (!from_text || (!to_text && !endless) || table_add_row(coverage->table) < 0 ||
            table_add_cell(coverage->table, from_text) < 0 || table_add_cell(coverage->table, to_text) < 0 ||
            table_add_cell(coverage->table, endless ? NULL : text_grouped(end - first, blocks)) < 0 ||
            table_add_cell(coverage->table, state) < 0)
                return -ENOMEM;
        return 0;
}

/* All of the job, one interval after the other. What is both sealed and early is sealed. */
static int coverage_fill(Coverage *coverage) {
        uint64_t n_blocks = reader_grid(coverage->question->reader)->n_blocks;
        uint64_t at = reader_frontier(coverage->question->reader);
        int r = at > 0 ? coverage_add(coverage, 0, at, "complete") : 0;

        while (r >= 0 && at < n_blocks) {
                Interval sealed = { n_blocks, n_blocks }, early = { n_blocks, n_blocks };
                uint64_t end;

                (void) interval_set_next(&coverage->islands, at, &sealed);
                (void) interval_set_next(&coverage->spool, at, &early);
                if (sealed.first == at) {
                        end = sealed.end;
                        r = coverage_add(coverage, at, end, "sealed");
                } else if (early.first == at) {
                        end = MIN(early.end, sealed.first);
                        r = coverage_add(coverage, at, end, "early");
                } else {
                        end = MIN(early.first, sealed.first);
                        r = coverage_add(coverage, at, end, "missing");
                }
                at = end;
        }
        return r;
}

static int print_json(Coverage *coverage, const Question *question) {
        const Grid *grid = reader_grid(question->reader);
        _cleanup_mpz_ mpz_t end;
        json_t *array = coverage->array;

        mpz_init(end);
        reader_coverage(question->reader, end);
        coverage->array = NULL;
        return question_print_json(question, json_pack("{s:o, s:o, s:o, s:o}", "from", json_number(grid->from),
                                                       "to", grid->open ? json_null() : json_number(grid->to),
                                                       "complete_to", json_number(end), "intervals", array));
}

static int print_coverage(Question *question, bool legend) {
        static const TableColumn columns[] = { { "FROM", .right = true }, { "TO", .right = true },
                                               { "BLOCKS", .right = true }, { "STATE" } };
        const TableStyle style = { .legend = legend, .full = true };
        _cleanup_(table_freep) Table *table = NULL;
        Coverage coverage = { .question = question, .islands = INTERVAL_SET_EMPTY, .spool = INTERVAL_SET_EMPTY };
        Problem problem = PROBLEM_NONE;
        int r;

        r = reader_beyond(question->reader, &coverage.islands, &coverage.spool, &problem);
        if (r < 0)
                r = question_failed(&problem);
        else {
                if (question->json != JSON_OFF)
                        coverage.array = json_array();
                else
                        coverage.table = table = table_new(columns, ELEMENTSOF(columns), &style);
                r = coverage.array || table ? coverage_fill(&coverage) : -ENOMEM;
                if (r >= 0)
                        r = table ? table_print(table) : print_json(&coverage, question);
                r = question_end(question, r);
        }
        json_decref(coverage.array);
        interval_set_done(&coverage.islands);
        interval_set_done(&coverage.spool);
        return r;
}

int verb_coverage(int argc, char *argv[]) {
        Question question = { .damaged_too = true };
        bool no_legend = false;
        const StoreOption options[] = {
                QUESTION_JSON_OPTION(question),
                { "no-legend", 0, no_argument, .given = &no_legend },
                {},
        };
        const StoreVerb verb = { .name = "coverage", .help = help, .options = options };
        int r;

        if (!question_parse(&question, &verb, 0, argc, argv, &r))
                return r;
        r = question_open(&question);
        if (r == 0)
                r = print_coverage(&question, !no_legend);
        question_done(&question);
        return r;
}
