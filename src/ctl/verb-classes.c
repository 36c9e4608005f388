/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* primectl classes: how primes spread over the residues mod 30. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/macro.h"
#include "base/text.h"
#include "ctl/json-number.h"
#include "ctl/question.h"
#include "ctl/table.h"
#include "ctl/verb.h"
#include "prime/bitmap.h"
#include "store/reader-span.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(Table *, table_free);

static void help(void) {
        printf("primectl classes [OPTIONS...] [A [B]]\n\n"
               "Count the primes of a store in [A, B) by their residue modulo 30. Without B up\n"
               "to where the store is complete, without A from its beginning. 2, 3 and 5 are in\n"
               "no class.\n\n"
               QUESTION_HELP
               "     --no-legend  Print no heading\n\n"
               "A and B are " QUESTION_NUMBERS_HELP);
}

static int print_table(const Facts *facts, bool legend) {
        static const TableColumn columns[] = { { "RESIDUE", .right = true }, { "PRIMES", .right = true },
                                               { "SHARE", .right = true } };
        const TableStyle style = { .legend = legend, .full = true };
        _cleanup_(table_freep) Table *table = table_new(columns, ELEMENTSOF(columns), &style);
        uint64_t total = facts->count - facts->n_small;
        char residue[4], primes[TEXT_SIZE], share[TEXT_SIZE];

        if (!table)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(facts->classes); i++) {
                (void) snprintf(residue, sizeof residue, "%u", bitmap_residues[i]);
                (void) snprintf(share, sizeof share, "%.4f %%",
                                total > 0 ? 100 * (double) facts->classes[i] / (double) total : 0);
                if (table_add_row(table) < 0 || table_add_cell(table, residue) < 0 ||
                    table_add_cell(table, text_grouped(facts->classes[i], primes)) < 0 ||
                    table_add_cell(table, share) < 0)
                        return -ENOMEM;
        }
        return table_print(table);
}

static int print_classes(Question *question, bool legend) {
        const StoreInterval *interval = &question->interval;
        Problem problem = PROBLEM_NONE;
        Facts facts;
        int r;

        r = reader_interval_facts(question->reader, interval->low, interval->high, &facts, &problem);
        if (r < 0)
                return question_failed(&problem);
        if (question->json != JSON_OFF)
                r = question_print_json(question, json_pack("{s:o, s:o, s:o, s:o}", "from", json_number(interval->low),
                                                            "to", json_number(interval->high),
                                                            "primes", json_u64(facts.count),
                                                            "classes", json_classes(facts.classes)));
        else
                r = print_table(&facts, legend);
        return question_end(question, r);
}

int verb_classes(int argc, char *argv[]) {
        Question question = {};
        bool no_legend = false;
        const StoreOption options[] = {
                QUESTION_JSON_OPTION(question),
                { "no-legend", 0, no_argument, .given = &no_legend },
                {},
        };
        const StoreVerb verb = { .name = "classes", .help = help, .options = options, .most_words = 2 };
        int r;

        if (!question_parse(&question, &verb, 0, argc, argv, &r))
                return r;
        r = question_open_interval(&question);
        if (r == 0)
                r = print_classes(&question, !no_legend);
        question_done(&question);
        return r;
}
