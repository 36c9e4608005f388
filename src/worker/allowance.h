/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How much of this host the worker may use at the moment, and why not more. */

#include <stdint.h>

#include "wire/message.h"

typedef struct Allowance {
        unsigned threads_allowed; /* by processors, config file and quota */
        unsigned threads_now;     /* 0 while it pauses, else as many as are allowed */
        uint64_t memory_bytes;    /* for the sieve and the bitmap of its window */
        char note[WIRE_REASON_MAX + 1]; /* why it computes with fewer than there are processors; "": it does not */
} Allowance;
