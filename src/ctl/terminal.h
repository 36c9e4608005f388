/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What standard output can show: colours, how wide it is, which characters. */

#include <stdbool.h>

typedef enum TerminalColor {
        COLOR_NONE,
        COLOR_BOLD,
        COLOR_DIM,
        COLOR_RED,
        COLOR_GREEN,
        COLOR_YELLOW,
        _COLOR_MAX,
} TerminalColor;

/*
 * Colours are written to a terminal, unless NO_COLOR is set (to anything but "") or TERM is "dumb"; SYSTEMD_COLORS
 * overrides all that with a boolean, or with one of systemd's words for how many colours there are. Decided at the
 * first call, so that a pager between us and the terminal changes nothing.
 */
bool terminal_has_colors(void);

/* Whether standard output was a terminal at the first call of one of these functions. */
bool terminal_is_tty(void);

/* The sequence that switches the colour on; "" without colours. COLOR_NONE: back to normal. */
const char *terminal_color(TerminalColor color);

/* Characters in a line: COLUMNS, or what the terminal says, or 80. */
unsigned terminal_columns(void);

/* Whether the locale is one of UTF-8. */
bool terminal_is_utf8(void);
