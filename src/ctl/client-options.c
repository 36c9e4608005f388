/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Common options. */

#include "ctl/client-options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/option.h"
#include "ctl/verb.h"

int client_parse_json(const char *word, JsonMode *ret) {
        if (!word || strcmp(word, "pretty") == 0)
                *ret = JSON_PRETTY_FORM;
        else if (strcmp(word, "short") == 0)
                *ret = JSON_SHORT_FORM;
        else if (strcmp(word, "off") == 0)
                *ret = JSON_OFF;
        else {
                log_error("--json=%s: give pretty, short or off", word);
                return -EINVAL;
        }
        return 0;
}

int client_option(ClientOptions *options, int c) {
        switch (c) {
        case 'q':
                options->quiet = true;
                return 1;
        case 'H':
                options->host = optarg;
                return 1;
        case 'l':
                options->full = true;
                return 1;
        case 'j':
                options->json = isatty(STDOUT_FILENO) ? JSON_PRETTY_FORM : JSON_SHORT_FORM;
                return 1;
        case CLIENT_ARG_JSON:
                return client_parse_json(optarg, &options->json) < 0 ? -EINVAL : 1;
        case CLIENT_ARG_NO_LEGEND:
                options->legend = false;
                return 1;
        case CLIENT_ARG_NO_PAGER:
                options->pager = false;
                return 1;
        default:
                return 0;
        }
}

bool client_parse(int argc, char *argv[], bool table, int most_words, void (*help)(void), ClientOptions *ret,
                  int *ret_status) {
        static const struct option plain_options[] = { CLIENT_OPTION_ROWS, {} };
        static const struct option table_options[] = { CLIENT_TABLE_OPTION_ROWS, {} };
        ClientOptions options = CLIENT_OPTIONS_DEFAULT;
        char command[64];

        (void) snprintf(command, sizeof command, "primectl %s", argv[0]);
        *ret_status = EXIT_USAGE;
        optind = 0;
        for (int c; (c = option_next(argc, argv, table ? CLIENT_TABLE_LETTERS : CLIENT_LETTERS,
                                     table ? table_options : plain_options, command)) >= 0;)
                if (c == 'h') {
                        help();
                        *ret_status = EXIT_SUCCESS;
                        return false;
                } else if (client_option(&options, c) <= 0)
                        return false;
        if (argc - optind > most_words) {
                log_error("Unexpected argument '%s'. Try '%s --help'.", argv[optind + most_words], command);
                return false;
        }
        *ret = options;
        return true;
}

TableStyle client_table_style(const ClientOptions *options) {
        return (TableStyle) { .legend = options->legend, .full = options->full };
}
