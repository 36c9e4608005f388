/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A line at the bottom of a terminal that is written again and again. Where there is no terminal nothing is. */

#include <stdbool.h>
#include <stdio.h>

typedef struct LiveLine {
        FILE *stream;
        bool enabled; /* the stream is a terminal, and it was wanted */
        bool open;    /* something is written */
} LiveLine;

void live_line_init(LiveLine *line, FILE *stream, bool wanted);

/* `text` is cut to the width of the terminal. */
void live_line_show(LiveLine *line, const char *text);

/* Before anything else is written to the same terminal. */
void live_line_clear(LiveLine *line);
