/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How much of something came a second, over the last RATE_WINDOW_SECONDS. Times never decrease from call to call. */

#include <stdint.h>

#include "base/clock.h"

#define RATE_WINDOW_SECONDS 30

typedef struct RateWindow {
        double sums[RATE_WINDOW_SECONDS]; /* by second, modulo their number */
        uint64_t newest;                  /* the second of the newest sum */
        usec_t begin_usec;                /* what came before is not known */
} RateWindow;

void rate_window_init(RateWindow *window, usec_t now);
void rate_window_add(RateWindow *window, double amount, usec_t now);

/* 0 when nothing came. A window that is younger than its length is divided by its age, but not by less than 1 s. */
double rate_window_per_second(const RateWindow *window, usec_t now);
