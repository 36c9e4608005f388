/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The terminal, asked once. */

#include "ctl/terminal.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/parse.h"

#define COLUMNS_MAX 10000

/* 1, 0, or -1: neither. As systemd reads booleans. */
static int parse_boolean(const char *word) {
        static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
        static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                if (strcasecmp(word, yes[i]) == 0)
                        return 1;
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                if (strcasecmp(word, no[i]) == 0)
                        return 0;
        return -1;
}

bool terminal_is_tty(void) {
        static int cached = -1;

        if (cached < 0)
                cached = isatty(STDOUT_FILENO);
        return cached > 0;
}

static bool decide_colors(void) {
        static const char *const depths[] = { "16", "256", "24bit" };
        const char *wanted = getenv("SYSTEMD_COLORS"), *unwanted = getenv("NO_COLOR"), *term = getenv("TERM");

        if (wanted) {
                int r = parse_boolean(wanted);

                if (r >= 0)
                        return r;
                for (size_t i = 0; i < ELEMENTSOF(depths); i++)
                        if (strcasecmp(wanted, depths[i]) == 0)
                                return true;
        }
        if (unwanted && unwanted[0] != '\0')
                return false;
        return terminal_is_tty() && term && strcmp(term, "dumb") != 0;
}

bool terminal_has_colors(void) {
        static int cached = -1;

        if (cached < 0)
                cached = decide_colors();
        return cached;
}

const char *terminal_color(TerminalColor color) {
        static const char *const sequences[_COLOR_MAX] = {
                [COLOR_NONE] = "\033[0m",
                [COLOR_BOLD] = "\033[0;1;39m",
                [COLOR_DIM] = "\033[0;38;5;245m",
                [COLOR_RED] = "\033[0;1;31m",
                [COLOR_GREEN] = "\033[0;1;32m",
                [COLOR_YELLOW] = "\033[0;1;33m",
        };

        return terminal_has_colors() ? sequences[color] : "";
}

unsigned terminal_columns(void) {
        const char *word = getenv("COLUMNS");
        struct winsize window = {};
        unsigned columns;

        if (word && parse_unsigned(word, 1, COLUMNS_MAX, &columns) >= 0)
                return columns;
        if ((ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) >= 0 || ioctl(STDERR_FILENO, TIOCGWINSZ, &window) >= 0) &&
            window.ws_col > 0)
                return window.ws_col;
        return 80;
}

bool terminal_is_utf8(void) {
        return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}
