/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Carriage return, erase, write. */

#include "ctl/live-line.h"

#include <sys/ioctl.h>
#include <unistd.h>

void live_line_init(LiveLine *line, FILE *stream, bool wanted) {
        *line = (LiveLine) { .stream = stream, .enabled = wanted && isatty(fileno(stream)) };
}

/* So many bytes that no more than `columns` characters of UTF-8 are among them, one column each. */
static int cut(const char *text, unsigned columns) {
        unsigned n = 0;
        int i;

        for (i = 0; text[i] != '\0'; i++)
                if (((unsigned char) text[i] & 0xc0) != 0x80 && n++ == columns)
                        break;
        return i;
}

void live_line_show(LiveLine *line, const char *text) {
        struct winsize window = {};
        unsigned columns = 80;

        if (!line->enabled)
                return;
        if (ioctl(fileno(line->stream), TIOCGWINSZ, &window) >= 0 && window.ws_col > 1)
                columns = window.ws_col;
        fprintf(line->stream, "\r\033[K%.*s", cut(text, columns - 1), text);
        (void) fflush(line->stream);
        line->open = true;
}

void live_line_clear(LiveLine *line) {
        if (!line->open)
                return;
        fputs("\r\033[K", line->stream);
        (void) fflush(line->stream);
        line->open = false;
}
