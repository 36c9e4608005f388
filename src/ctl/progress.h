/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How a job gets on, for a person who watches standard error: one line that renews itself on a terminal, plain
 * lines now and then elsewhere.
 */

#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "wire/report.h"

typedef struct Progress {
        FILE *stream;
        bool terminal;
        bool line_open;      /* the terminal's line is written */
        unsigned next_percent; /* plain lines: the next one is due at this many percent … */
        usec_t next_usec;    /* … or at this time */
        /* a moving average of the speed, in numbers per second */
        double rate, last_numbers;
        usec_t first_usec, last_usec;
} Progress;

void progress_init(Progress *progress, FILE *stream, bool terminal, usec_t now);
void progress_show(Progress *progress, const Report *report, usec_t now);

/* Before anything else is written to the same terminal: removes the line. */
void progress_clear(Progress *progress);

/*
 * The text of the line without bar, for `report` at `rate` numbers per second, or after `stalled_usec` without a new
 * block; the caller's buffer.
 */
void progress_text(const Report *report, double rate, usec_t stalled_usec, char *buffer, size_t size);
