/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A job's items as sets of intervals, never as an array: a job may have 2^62.
 *
 * The bound on the spool falls out of the sets. Everything below the frontier is done, hence taken; so the
 * number of items that are accepted, leased or reserved beyond the frontier is |taken| - frontier, and a run
 * is cut so that this stays within the bound. Because reservations count, handing a run's tail to somebody
 * else never needs room, and the spool on disk can never pass the bound by anything that was leased. What
 * came unasked (late answers, a store that had a hole, items behind a loss) is there anyway and does not
 * count, or the few items at the frontier that would free it could only be given out one by one.
 */

#include "plan/backlog.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/macro.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(Backlog *, backlog_free);

static void backlog_find_frontier(Backlog *backlog, uint64_t from) {
        Interval gap;

        if (interval_set_next_gap(&backlog->done, from, backlog->job.n_items, &gap))
                backlog->frontier = gap.first;
        else
                backlog->frontier = backlog->job.n_items;
}

/* Items that are accepted, leased or reserved beyond the frontier, or at it. */
static uint64_t backlog_n_beyond(const Backlog *backlog) {
        return backlog->taken.n_members - backlog->frontier;
}

int backlog_new(const PlanJob *job, const IntervalSet *done, Backlog **ret) {
        _cleanup_(backlog_freep) Backlog *backlog = NULL;
        size_t n = done ? done->n_intervals : 0;
        int r;

        backlog = malloc(sizeof *backlog);
        if (!backlog)
                return -ENOMEM;
        *backlog = (Backlog) {
                .job = *job,
                .done = INTERVAL_SET_EMPTY,
                .taken = INTERVAL_SET_EMPTY,
                .shared = INTERVAL_SET_EMPTY,
        };

        for (size_t i = 0; i < n; i++) {
                uint64_t first = done->intervals[i].first, end = MIN(done->intervals[i].end, job->n_items);

                r = interval_set_add(&backlog->done, first, end);
                if (r < 0)
                        return r;
                r = interval_set_add(&backlog->taken, first, end);
                if (r < 0)
                        return r;
        }
        backlog_find_frontier(backlog, 0);
        backlog->n_unasked = backlog_n_beyond(backlog);

        *ret = TAKE_PTR(backlog);
        return 0;
}

Backlog *backlog_free(Backlog *backlog) {
        if (!backlog)
                return NULL;

        interval_set_done(&backlog->done);
        interval_set_done(&backlog->taken);
        interval_set_done(&backlog->shared);
        free(backlog);
        return NULL;
}

int backlog_accept(Backlog *backlog, uint64_t item, usec_t now) {
        bool unasked = !interval_set_contains(&backlog->taken, item);
        int r;

        /* In this order done ⊆ taken holds even if the second one fails. */
        r = interval_set_add(&backlog->taken, item, item + 1);
        if (r < 0)
                return r;
        r = interval_set_add(&backlog->done, item, item + 1);
        if (r < 0)
                return r;

        if (item == backlog->frontier) {
                backlog_find_frontier(backlog, item);
                backlog->frontier_usec = now;
        }
        backlog->n_unasked = MIN(backlog->n_unasked + unasked, backlog_n_beyond(backlog));
        return 0;
}

int backlog_lose(Backlog *backlog, uint64_t first, uint64_t end) {
        Interval lost;
        int r;

        while (interval_set_next(&backlog->done, first, &lost) && lost.first < end) {
                lost.end = MIN(lost.end, end);
                r = interval_set_remove(&backlog->done, lost.first, lost.end);
                if (r < 0)
                        return r;
                r = interval_set_remove(&backlog->taken, lost.first, lost.end);
                if (r < 0)
                        return r;
                backlog->frontier = MIN(backlog->frontier, lost.first);
                first = lost.end;
                backlog->n_unasked = backlog_n_beyond(backlog);
        }
        return 0;
}

int backlog_release(Backlog *backlog, uint64_t first, uint64_t end) {
        Interval missing;
        int r;

        while (interval_set_next_gap(&backlog->done, first, end, &missing)) {
                r = interval_set_remove(&backlog->taken, missing.first, missing.end);
                if (r < 0)
                        return r;
                first = missing.end;
        }
        return 0;
}

uint64_t backlog_n_missing(const Backlog *backlog) {
        return backlog->job.n_items - backlog->done.n_members;
}

uint64_t backlog_n_free(const Backlog *backlog) {
        return backlog->job.n_items - backlog->taken.n_members;
}

bool backlog_is_active(const Backlog *backlog) {
        return !backlog->paused && backlog_n_missing(backlog) > 0;
}

uint64_t backlog_spool_room(const Backlog *backlog) {
        uint64_t n_beyond = backlog_n_beyond(backlog) - MIN(backlog->n_unasked, backlog_n_beyond(backlog));

        if (backlog->job.delivery != PLAN_ORDERED || backlog->job.spool_items_max == UINT64_MAX)
                return UINT64_MAX;
        return n_beyond < backlog->job.spool_items_max ? backlog->job.spool_items_max - n_beyond : 0;
}
