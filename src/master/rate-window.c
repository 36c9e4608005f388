/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A ring of sums, one for each second. */

#include "master/rate-window.h"

#include "base/macro.h"

void rate_window_init(RateWindow *window, usec_t now) {
        *window = (RateWindow) { .newest = now / USEC_PER_SEC, .begin_usec = now };
}

void rate_window_add(RateWindow *window, double amount, usec_t now) {
        uint64_t second = now / USEC_PER_SEC;

        if (second - window->newest >= RATE_WINDOW_SECONDS)
                rate_window_init(window, now); /* a pause as long as the window: the rate begins anew */
        for (; window->newest < second; window->newest++)
                window->sums[(window->newest + 1) % RATE_WINDOW_SECONDS] = 0;
        window->sums[second % RATE_WINDOW_SECONDS] += amount;
}

double rate_window_per_second(const RateWindow *window, usec_t now) {
        uint64_t second = now / USEC_PER_SEC;
        usec_t span = (RATE_WINDOW_SECONDS - 1) * USEC_PER_SEC + now % USEC_PER_SEC;
        double sum = 0;

        for (uint64_t age = 0; age < RATE_WINDOW_SECONDS && age <= second; age++)
                if (second - age <= window->newest && window->newest - (second - age) < RATE_WINDOW_SECONDS)
                        sum += window->sums[(second - age) % RATE_WINDOW_SECONDS];
        span = MIN(span, now - window->begin_usec);
        return sum / ((double) MAX(span, USEC_PER_SEC) / USEC_PER_SEC);
}
