/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Options, call, table or JSON, footer. */

#include "ctl/list-verb.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/pager.h"
#include "ctl/answer.h"

static int print_list(const ListVerb *verb, json_t *list, const ClientOptions *options) {
        const TableStyle style = client_table_style(options);
        size_t n = json_array_size(list);
        int r = 0;

        if (options->pager)
                pager_open();
        if (n > 0) {
                r = answer_make_plain(list);
                if (r >= 0)
                        r = verb->print(list, &style);
        }
        if (options->legend && !options->quiet && r >= 0) {
                if (n > 0)
                        printf("\n%zu %s%s listed.\n", n, verb->noun, text_plural(n));
                else
                        printf("No %ss.\n", verb->noun);
        }
        if (r < 0) {
                pager_close();
                log_error_errno(r, "Failed to print the table: %m.");
                return EXIT_FAILURE;
        }
        return client_end_output();
}

int list_verb_run(const ListVerb *verb, int argc, char *argv[]) {
        ClientOptions options;
        sd_bus *bus = NULL;
        json_t *list = NULL;
        int r;

        if (!client_parse(argc, argv, true, 0, verb->help, &options, &r))
                return r;
        r = client_open(options.host, &bus);
        if (r == EXIT_SUCCESS)
                r = client_get(bus, CLIENT_MASTER, verb->method, &list);
        if (r == EXIT_SUCCESS)
                r = options.json != JSON_OFF ? client_print_json(list, options.json) : print_list(verb, list, &options);
        json_decref(list);
        sd_bus_flush_close_unref(bus);
        return r;
}
