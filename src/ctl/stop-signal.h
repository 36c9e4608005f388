/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Ending in order: from stop_signal_catch() on, the first SIGINT or SIGTERM only leaves its number, and system calls
 * that wait return with EINTR; a second one kills.
 */
void stop_signal_catch(void);

/* The number of the signal; 0: none came. */
int stop_signal(void);
