/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The log. A line is written with one write(), so that lines of several processes never mix. */

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Set once by main() before any thread starts. */
static const char *log_program = "primed";
static int log_max_priority = LOG_INFO;

void log_setup(const char *program, int max_priority) {
        log_program = program;
        log_max_priority = max_priority;
}

const char *log_program_name(void) {
        return log_program;
}

bool log_shows(int priority) {
        return priority <= log_max_priority;
}

_printf_(2, 0) static void log_line(int priority, const char *format, va_list arguments) {
        char line[2048];
        int n, m;

        n = getenv("JOURNAL_STREAM") ? snprintf(line, sizeof line, "<%d>", priority)
                                     : snprintf(line, sizeof line, "%s: ", log_program);
        m = vsnprintf(line + n, sizeof line - (size_t) n - 1, format, arguments);
        if (m < 0)
                return;
        n = MIN(n + m, (int) sizeof line - 2);
        line[n++] = '\n';
        (void) !write(STDERR_FILENO, line, (size_t) n);
}

void log_full(int priority, const char *format, ...) {
        va_list arguments;

        if (priority > log_max_priority)
                return;
        va_start(arguments, format);
        log_line(priority, format, arguments);
        va_end(arguments);
}

int log_full_errno(int priority, int error, const char *format, ...) {
        va_list arguments;

        error = abs(error);
        if (priority <= log_max_priority) {
                errno = error;
                va_start(arguments, format);
                log_line(priority, format, arguments);
                va_end(arguments);
        }
        return -error;
}
