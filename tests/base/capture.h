/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the program under test writes to standard error. */

#include <unistd.h>

#include "base/fd.h"
#include "test.h"

static int log_pipe[2], standard_error;

static void capture_start(void) {
        CHECK(pipe(log_pipe) == 0);
        standard_error = dup(STDERR_FILENO);
        CHECK(standard_error >= 0);
        CHECK(dup2(log_pipe[1], STDERR_FILENO) >= 0);
        (void) close(log_pipe[1]);
}

/* Everything that was written since capture_start(). */
static const char *capture_end(void) {
        static char text[8192];
        ssize_t n;

        CHECK(dup2(standard_error, STDERR_FILENO) >= 0);
        (void) close(standard_error);
        n = fd_read_full(log_pipe[0], text, sizeof text - 1);
        CHECK(n >= 0);
        text[n] = '\0';
        (void) close(log_pipe[0]);
        return text;
}
