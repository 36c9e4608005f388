/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How long until a master is tried again: a pure function of why, how often in a row, and a random number. */

#include "base/clock.h"
#include "base/random.h"

typedef enum RetryKind {
        RETRY_DOORBELL,    /* it wants workers: at once, but not all workers of the LAN in the same moment */
        RETRY_DONE,        /* it let us go, but wants workers, or may just be restarting */
        RETRY_LOST,        /* the connection broke */
        RETRY_UNREACHABLE, /* refused by the host, no route, no answer, no such name */
        RETRY_REFUSED,     /* it does not want this worker */
        RETRY_WORKER,      /* our own worker does not start, or ends without a word */
        RETRY_RING,        /* wants nothing, as far as we know: ask, for its doorbell may not reach us */
        RETRY_RING_SEEN,   /* the same, but its doorbell does reach us: its record by mDNS says so */
        _RETRY_KIND_MAX,
} RetryKind;

/*
 * The pause before the next try after `n_before` earlier ones of the same kind in a row: doubles up to a limit, up to a
 * quarter shorter or longer by chance.
 */
usec_t retry_pause(RetryKind kind, unsigned n_before, Random *random);

/* The bounds of all that retry_pause() may answer. */
usec_t retry_pause_min(RetryKind kind, unsigned n_before);
usec_t retry_pause_max(RetryKind kind, unsigned n_before);
