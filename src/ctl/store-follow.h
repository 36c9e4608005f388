/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Waiting for a store to grow, or for the end of the waiting. */

#include <stdbool.h>

#include "base/clock.h"

typedef struct StoreFollow {
        int inotify_fd;      /* -1: without; the store is then looked at in intervals */
        usec_t looked_usec;  /* when the store was last opened */
} StoreFollow;

#define STORE_FOLLOW_NONE ((StoreFollow) { .inotify_fd = -1 })

/*
 * To be called before the store is opened, so that no growth is missed. Catches signals by stop_signal_catch().
 */
void store_follow_init(StoreFollow *follow, const char *path);
void store_follow_done(StoreFollow *follow);

/*
 * Waits until something was written to the store. True: the store should be opened again; false: a signal came, or
 * nobody reads standard output any more.
 */
bool store_follow_wait(StoreFollow *follow);
