/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of pauses. */

#include "scout/retry.h"

#include <assert.h>

#include "base/macro.h"

typedef struct RetryRow {
        usec_t first, limit; /* before chance */
} RetryRow;

static const RetryRow rows[_RETRY_KIND_MAX] = {
        [RETRY_DOORBELL] = { 300 * USEC_PER_MSEC, 300 * USEC_PER_MSEC }, /* the latest; see below */
        [RETRY_DONE] = { 800 * USEC_PER_MSEC, USEC_PER_MINUTE },
        [RETRY_LOST] = { USEC_PER_SEC, USEC_PER_MINUTE },
        [RETRY_UNREACHABLE] = { 2 * USEC_PER_SEC, 5 * USEC_PER_MINUTE },
        /* A quarter less is still ten minutes. */
        [RETRY_REFUSED] = { 14 * USEC_PER_MINUTE, USEC_PER_HOUR },
        [RETRY_WORKER] = { USEC_PER_SEC, USEC_PER_MINUTE },
        [RETRY_RING] = { 5 * USEC_PER_MINUTE, 5 * USEC_PER_MINUTE },
        [RETRY_RING_SEEN] = { 15 * USEC_PER_MINUTE, 15 * USEC_PER_MINUTE },
};

static usec_t retry_middle(RetryKind kind, unsigned n_before) {
        usec_t span;

        assert(kind < _RETRY_KIND_MAX);
        span = rows[kind].first;
        for (unsigned i = 0; i < n_before && span < rows[kind].limit; i++)
                span *= 2;
        return MIN(span, rows[kind].limit);
}

usec_t retry_pause_min(RetryKind kind, unsigned n_before) {
        usec_t middle = retry_middle(kind, n_before);

        /* The doorbell is spread over its whole span: nobody has to wait for the quickest. */
        return kind == RETRY_DOORBELL ? 0 : middle - middle / 4;
}

usec_t retry_pause_max(RetryKind kind, unsigned n_before) {
        usec_t middle = retry_middle(kind, n_before);

        return kind == RETRY_DOORBELL ? middle : middle + middle / 4;
}

usec_t retry_pause(RetryKind kind, unsigned n_before, Random *random) {
        usec_t low = retry_pause_min(kind, n_before), high = retry_pause_max(kind, n_before);

        return low + random_below(random, high - low + 1);
}
