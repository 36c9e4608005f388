/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Options of a program's command line, for programs only: what is wrong is logged in one line. */

#include <getopt.h>

/*
 * As getopt_long(), with `letters` as there: the option's value, or -1 behind the last. An option that does not exist,
 * lacks its value or has one too many gives '?', after one line that points to `COMMAND --help`. Set optind to 0
 * before the first call.
 */
int option_next(int argc, char *argv[], const char *letters, const struct option *options, const char *command);
