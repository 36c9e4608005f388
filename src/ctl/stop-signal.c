/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ending in order. */

#include "ctl/stop-signal.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t stopped;

static void on_signal(int number) {
        struct sigaction action = { .sa_handler = SIG_DFL };

        stopped = number;
        (void) sigaction(SIGINT, &action, NULL);
        (void) sigaction(SIGTERM, &action, NULL);
}

void stop_signal_catch(void) {
        struct sigaction action = { .sa_handler = on_signal };

        (void) sigaction(SIGINT, &action, NULL);
        (void) sigaction(SIGTERM, &action, NULL);
}

int stop_signal(void) {
        return stopped;
}
