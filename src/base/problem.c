/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One sentence about what went wrong and how to mend it. */

#include "base/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int problem_set(Problem *problem, int error, const char *format, ...) {
        error = abs(error);

        if (problem && problem->text[0] == '\0') {
                va_list arguments;

                errno = error;
                va_start(arguments, format);
                (void) vsnprintf(problem->text, sizeof problem->text, format, arguments);
                va_end(arguments);
        }
        return -error;
}
