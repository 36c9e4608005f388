/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The options that the verbs which ask a daemon have in common. They mean what they mean in systemd's tools. */

#include <getopt.h>
#include <stdbool.h>

#include "ctl/table.h"

typedef enum JsonMode {
        JSON_OFF,
        JSON_SHORT_FORM,  /* one line */
        JSON_PRETTY_FORM,
} JsonMode;

typedef struct ClientOptions {
        bool quiet;
        bool legend, full, pager; /* of tables */
        JsonMode json;
        const char *host; /* user@host; NULL: this one */
} ClientOptions;

#define CLIENT_OPTIONS_DEFAULT ((ClientOptions) { .legend = true, .pager = true })

/* Values of getopt_long() for options without a letter; a verb's own begin at CLIENT_ARG_FREE. */
enum {
        CLIENT_ARG_NO_LEGEND = 0x200,
        CLIENT_ARG_NO_PAGER,
        CLIENT_ARG_JSON,
        CLIENT_ARG_FREE,
};

/* Rows of a struct option table and letters: for every verb; for those that print tables as well. */
#define CLIENT_OPTION_ROWS                                                                                   \
        { "help", no_argument, NULL, 'h' }, { "host", required_argument, NULL, 'H' },                        \
                { "quiet", no_argument, NULL, 'q' }
#define CLIENT_LETTERS "hH:q"
#define CLIENT_TABLE_OPTION_ROWS                                                                             \
        CLIENT_OPTION_ROWS, { "full", no_argument, NULL, 'l' },                                              \
                { "no-legend", no_argument, NULL, CLIENT_ARG_NO_LEGEND },                                    \
                { "no-pager", no_argument, NULL, CLIENT_ARG_NO_PAGER },                                      \
                { "json", optional_argument, NULL, CLIENT_ARG_JSON }
#define CLIENT_TABLE_LETTERS CLIENT_LETTERS "lj"

#define CLIENT_HELP                                                                                          \
        "  -h --help             Show this help\n"                                                           \
        "  -H --host=[USER@]HOST Ask the daemon of another host, by ssh\n"
#define CLIENT_TABLE_HELP                                                                                    \
        CLIENT_HELP                                                                                          \
        "  -l --full             Do not cut what is too wide for the terminal\n"                             \
        "     --json[=MODE]      Write JSON: pretty, short, or off\n"                                        \
        "  -j                    --json=pretty on a terminal, else --json=short\n"                           \
        "     --no-legend        Print neither heading nor footer\n"                                         \
        "     --no-pager         Do not pipe the output into a pager\n"

/* MODE of --json=MODE; NULL is pretty. 0, or -EINVAL after one line that says so. */
int client_parse_json(const char *word, JsonMode *ret);

/* Takes `c` from option_next(). 1: it was one of ours; 0: not; -EINVAL after saying what is wrong. 'h' is not taken. */
int client_option(ClientOptions *options, int c);

/*
 * All of a command line that knows no other options: tables for `table`, and at most `most_words` words behind them.
 * True, and the words begin at optind; or false, and the verb ends with `ret_status`.
 */
bool client_parse(int argc, char *argv[], bool table, int most_words, void (*help)(void), ClientOptions *ret,
                  int *ret_status);

TableStyle client_table_style(const ClientOptions *options);
