/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* getopt_long() in our own words. */

#include "base/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"

int option_next(int argc, char *argv[], const char *letters, const struct option *options, const char *command) {
        char colon_letters[64];
        const char *word;
        int c;

        /* A leading colon tells a missing value from an unknown option. */
        (void) snprintf(colon_letters, sizeof colon_letters, ":%s", letters);
        opterr = 0;
        c = getopt_long(argc, argv, colon_letters, options, NULL);
        if (c != '?' && c != ':')
                return c;

        /* In a bundle of letters optind may still stand at the word. */
        word = argv[optind - 1];
        if (c == ':')
                log_error("Option '%s' needs a value. Try '%s --help'.", word, command);
        else if (optopt == 0)
                log_error("Unknown option '%s'. Try '%s --help'.", word, command);
        else if (strchr(letters, optopt) == NULL && optopt < 0x100)
                log_error("Unknown option '-%c'. Try '%s --help'.", optopt, command);
        else
                log_error("Option '%s' takes no value. Try '%s --help'.", word, command);
        return '?';
}

int option_unsigned(const char *name, const char *value, unsigned low, unsigned high, unsigned *ret) {
        int r = parse_unsigned(value, low, high, ret);

        if (r < 0)
                log_error("--%s=%s: give a number from %u to %u", name, value, low, high);
        return r;
}

int option_size(const char *name, const char *value, uint64_t low, uint64_t high, uint64_t *ret) {
        uint64_t bytes;

        if (parse_size(value, &bytes) < 0 || bytes < low || bytes > high) {
                log_error("--%s=%s: give a size of at least %" PRIu64 "M: digits and K, M, G or T, like 512M", name,
                          value, low >> 20);
                return -EINVAL;
        }
        *ret = bytes;
        return 0;
}

int option_descriptor(const char *name, const char *value, unsigned *ret) {
        int r = parse_unsigned(value, 3, 1024, ret);

        if (r < 0)
                log_error("--%s=%s: not an inherited descriptor (3 to 1024)", name, value);
        return r;
}
