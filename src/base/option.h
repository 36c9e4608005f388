/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Options of a program's command line, for programs only: what is wrong is logged in one line. */

#include <getopt.h>
#include <stdint.h>

/*
 * As getopt_long(), with `letters` as there: the option's value, or -1 behind the last. An option that does not exist,
 * lacks its value or has one too many gives '?', after one line that points to `COMMAND --help`. Set optind to 0
 * before the first call.
 */
int option_next(int argc, char *argv[], const char *letters, const struct option *options, const char *command);

/* The value of option `name`: a number in [low, high]. 0, or negative errno after one line that says so. */
int option_unsigned(const char *name, const char *value, unsigned low, unsigned high, unsigned *ret);

/* A size, as parse_size() reads it, in [low, high] bytes; `low` is a whole number of MiB. */
int option_size(const char *name, const char *value, uint64_t low, uint64_t high, uint64_t *ret);

/* The same for a descriptor that was inherited: none of the standard ones. */
int option_descriptor(const char *name, const char *value, unsigned *ret);
