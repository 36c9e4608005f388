/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A lane's leases, and the guess when it will be done with them.
 *
 * The guess decides who helps whom, so it must be honest about lanes that fall silent. A healthy lane gives
 * a sign of life every `gap` at the latest. Before that, the begun items are done when the gap is over.
 * After that, the best guess for the rest of a wait that has lasted too long is as long again as it is
 * overdue: a dead lane's guess grows with time until anybody alive is better, a lane that is merely slow is
 * left in peace.
 */

#include "plan/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

void lane_done(Lane *lane) {
        free(lane->leases);
        free(lane->paces);
        *lane = (Lane) {};
}

/* leases */

Lease *lane_find_lease(const Lane *lane, const Backlog *backlog, uint64_t item) {
        for (size_t i = 0; i < lane->n_leases; i++) {
                Lease *lease = lane->leases + i;

                if (lease->backlog == backlog && lease->first <= item && item < lease->end)
                        return lease;
        }
        return NULL;
}

static void lane_drop_lease(Lane *lane, size_t at, usec_t now) {
        if (at == 0)
                lane->begun_usec = now;
        memmove(lane->leases + at, lane->leases + at + 1, (lane->n_leases - at - 1) * sizeof *lane->leases);
        lane->n_leases--;
}

/* Brings `first` and `n_left` up to date. False: nothing is left. */
static bool lease_count(Lease *lease) {
        const IntervalSet *done = &lease->backlog->done;
        Interval missing;

        if (!interval_set_next_gap(done, lease->first, lease->end, &missing))
                return false;
        lease->first = missing.first;
        lease->n_left = lease->end - lease->first - interval_set_count(done, lease->first, lease->end);
        return true;
}

static int lane_insert_lease(Lane *lane, size_t at, const Lease *lease) {
        if (lane->n_leases == lane->n_allocated) {
                size_t n = lane->n_allocated * 2 + 2;
                Lease *grown = reallocarray(lane->leases, n, sizeof *grown);

                if (!grown)
                        return -ENOMEM;
                lane->leases = grown;
                lane->n_allocated = n;
        }
        memmove(lane->leases + at + 1, lane->leases + at, (lane->n_leases - at) * sizeof *lane->leases);
        lane->leases[at] = *lease;
        lane->n_leases++;
        return 0;
}

int lane_add_lease(Lane *lane, const Lease *lease, usec_t now) {
        int r;

        r = lane_insert_lease(lane, lane->n_leases, lease);
        if (r >= 0 && lane->n_leases == 1)
                lane->begun_usec = now;
        return r;
}

/* Cuts [first, end) out of a lease that it overlaps. What lies behind becomes a lease of its own. */
static int lane_cut_lease(Lane *lane, size_t at, uint64_t first, uint64_t end, usec_t now) {
        Lease *lease = lane->leases + at;
        Lease rest = *lease;
        int r;

        rest.first = MAX(end, lease->first);
        rest.starts_run = true;
        if (rest.first < rest.end && lease_count(&rest)) {
                r = lane_insert_lease(lane, at + 1, &rest);
                if (r < 0)
                        return r;
                lease = lane->leases + at;
        }
        if (lane->stream == lease->backlog && lane->stream_next == lease->end && end >= lease->end)
                lane->stream_next = MAX(first, lease->first);

        lease->end = MAX(MIN(first, lease->end), lease->first);
        if (lease->first >= lease->end || !lease_count(lease))
                lane_drop_lease(lane, at, now);
        return 0;
}

int lane_cut(Lane *lane, const Backlog *backlog, uint64_t first, uint64_t end, usec_t now) {
        int r;

        /* From behind, so that what is put in or taken out has been looked at. */
        for (size_t i = lane->n_leases; i-- > 0;) {
                const Lease *lease = lane->leases + i;

                if (lease->backlog != backlog || lease->end <= first || end <= lease->first)
                        continue;
                r = lane_cut_lease(lane, i, first, end, now);
                if (r < 0)
                        return r;
        }
        return 0;
}

void lane_settle_item(Lane *lane, Lease *lease, uint64_t item, usec_t now, bool own) {
        size_t at = lease - lane->leases;
        bool current = item == lease->first;
        Interval missing;

        if (--lease->n_left == 0) {
                lane_drop_lease(lane, at, now);
                return;
        }
        if (!current)
                return;
        if (interval_set_next_gap(&lease->backlog->done, item, lease->end, &missing))
                lease->first = missing.first;
        lease->starts_run = !own;
        if (at == 0)
                lane->begun_usec = now;
}

bool lane_is_late(const Lane *lane) {
        for (size_t i = 0; i < lane->n_leases; i++)
                if (lane->leases[i].expired)
                        return true;
        return false;
}

/* speed */

static Pace *lane_find_pace(const Lane *lane, uint64_t job) {
        for (size_t i = 0; i < lane->n_paces; i++)
                if (lane->paces[i].job == job)
                        return &lane->paces[i].pace;
        return NULL;
}

const Pace *lane_pace(const Lane *lane, uint64_t job) {
        return lane_find_pace(lane, job);
}

int lane_add_pace(Lane *lane, uint64_t job, usec_t elapsed_usec, uint64_t n_starting, usec_t memory_usec) {
        Pace *pace = lane_find_pace(lane, job);

        if (!pace) {
                if (lane->n_paces == lane->n_paces_allocated) {
                        size_t n = lane->n_paces_allocated * 2 + 1;
                        LanePace *grown = reallocarray(lane->paces, n, sizeof *grown);

                        if (!grown)
                                return -ENOMEM;
                        lane->paces = grown;
                        lane->n_paces_allocated = n;
                }
                lane->paces[lane->n_paces] = (LanePace) { .job = job };
                pace = &lane->paces[lane->n_paces++].pace;
        }
        pace_add(pace, elapsed_usec, n_starting, memory_usec);
        return 0;
}

void lane_count(Lane *lane, Backlog *backlog) {
        const Pace *pace = backlog ? lane_find_pace(lane, backlog->job.id) : NULL;

        if (lane->counted) {
                lane->counted->n_lanes--;
                lane->counted->speed -= lane->counted_speed;
                if (lane->counted->n_lanes == 0)
                        lane->counted->speed = 0; /* no dust of rounding stays */
        }
        lane->counted = pace ? backlog : NULL;
        if (!pace)
                return;
        lane->counted_speed = 1 / pace_item_usec(pace);
        backlog->n_lanes++;
        backlog->speed += lane->counted_speed;
}

void lane_forget_job(Lane *lane, const Backlog *backlog) {
        if (lane->counted == backlog)
                lane_count(lane, NULL);
        if (lane->run == backlog)
                lane->run = NULL;
        if (lane->stream == backlog)
                lane->stream = NULL;
        if (lane->credited == backlog)
                lane->credited = NULL;
        for (size_t i = 0; i < lane->n_paces; i++)
                if (lane->paces[i].job == backlog->job.id) {
                        lane->paces[i] = lane->paces[--lane->n_paces];
                        break;
                }
}

double lane_item_usec(const Lane *lane, const Backlog *backlog, usec_t fallback_usec) {
        const Pace *pace = lane_find_pace(lane, backlog->job.id);

        if (pace)
                return pace_item_usec(pace);
        if (backlog->n_lanes > 0 && backlog->speed > 0)
                return backlog->n_lanes / backlog->speed;
        return fallback_usec;
}

double lane_start_usec(const Lane *lane, const Backlog *backlog) {
        const Pace *pace = lane_find_pace(lane, backlog->job.id);

        return pace ? pace->start_usec : 0;
}

bool lane_holds(const Lane *lane, const Backlog *backlog, uint64_t first, uint64_t end) {
        for (size_t i = 0; i < lane->n_leases; i++) {
                const Lease *lease = lane->leases + i;

                if (lease->backlog == backlog && lease->first < end && first < lease->end)
                        return true;
        }
        return false;
}

/* The begun items of the first lease: how many, and until when. */
static void outlook_begun(Outlook *outlook, const Lane *lane, usec_t now, usec_t fallback_usec) {
        const Lease *lease = lane->leases;
        const Pace *pace = lane_find_pace(lane, lease->backlog->job.id);
        double elapsed_usec = now - lane->begun_usec;
        double item_usec = lane_item_usec(lane, lease->backlog, fallback_usec);
        double expected_usec = pace ? MAX(pace->gap_usec, item_usec) : item_usec;
        double n_begun = 1;

        if (pace)
                n_begun = MIN(expected_usec / item_usec, pace->burst_items) + 0.5;
        outlook->n_begun = MIN(MAX((uint64_t) n_begun, UINT64_C(1)), lease->n_left);
        if (lease->starts_run)
                expected_usec += lane_start_usec(lane, lease->backlog);
        outlook->overdue = elapsed_usec > expected_usec;
        outlook->begun_usec = outlook->overdue ? elapsed_usec - expected_usec : expected_usec - elapsed_usec;
        if (elapsed_usec > 2 * expected_usec)
                outlook->item_usec = MAX(outlook->item_usec, elapsed_usec - expected_usec);
}

Outlook lane_outlook(const Lane *lane, const Backlog *backlog, usec_t now, usec_t fallback_usec) {
        Outlook outlook = { .item_usec = lane_item_usec(lane, backlog, fallback_usec) };
        bool here = lane->n_leases > 0 && lane->leases[0].backlog == backlog;

        if (lane->n_leases > 0)
                outlook_begun(&outlook, lane, now, fallback_usec);
        else if (lane->run ==
                 backlog) /* Nothing but a reservation. A lane that does not ask for it takes its time. */
                outlook.item_usec = MAX(outlook.item_usec, (double) (now - lane->begun_usec));

        outlook.before_usec = outlook.begun_usec;
        for (size_t i = 0; i < lane->n_leases; i++) {
                const Lease *lease = lane->leases + i;
                uint64_t n = i == 0 ? lease->n_left - outlook.n_begun : lease->n_left;

                if (lease->backlog == backlog)
                        outlook.n_waiting += n;
                else
                        outlook.before_usec +=
                                        (double) n * lane_item_usec(lane, lease->backlog, fallback_usec);
        }
        outlook.busy_usec = outlook.before_usec + (double) outlook.n_waiting * outlook.item_usec;
        if (lane->run == backlog)
                outlook.n_waiting += lane->run_end - lane->run_next;
        if (!here)
                outlook.n_begun = 0;
        outlook.finish_usec = outlook.before_usec + (double) outlook.n_waiting * outlook.item_usec;
        return outlook;
}

usec_t lane_expiry_usec(const Lane *lane, const PlanSettings *settings) {
        double allowed_usec = settings->lease_target_usec;

        if (lane->n_leases > 0) {
                const Lease *lease = lane->leases;
                const Pace *pace = lane_pace(lane, lease->backlog->job.id);
                double expected_usec = 0;

                if (lane_is_late(lane))
                        return USEC_INFINITY;
                if (pace)
                        expected_usec = MAX(lease->n_left * pace_item_usec(pace), pace->gap_usec);
                allowed_usec = MAX((double) settings->expiry_minimum_usec,
                                   settings->expiry_factor * expected_usec);
        } else if (!lane->run)
                return USEC_INFINITY;
        return allowed_usec < 0x1p62 ? lane->begun_usec + (usec_t) allowed_usec : USEC_INFINITY;
}
