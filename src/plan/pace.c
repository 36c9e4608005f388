/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A lane's speed.
 *
 * Results may come one by one or, when a worker sieves many items in one window, in bursts. So the speed is
 * not an average of item times but a ratio of two sums, items and time, both of which decay with the time
 * that passes; a burst then counts for what it is. What a burst does to the waiting time is kept apart:
 * `gap_usec` is how long one has to wait for a sign of life of a healthy lane, `burst_items` how many results come
 * then. The number is counted, not derived from the gap and the speed: a lane that suddenly became slow has long gaps
 * too, but it is at one item, and the others can be taken from it.
 *
 * The first item of a run carries the start of the sieve and the way of the lease to the worker. It tells
 * how dear a new run is, and nothing about speed, unless there is nothing else to go by.
 *
 * Division instead of exp(): the same figures on every machine, whatever its libm.
 */

#include "plan/pace.h"

#include "base/macro.h"

#define PACE_ITEMS_MIN 4.0    /* remember at least so many items, however slow the lane is */
#define PACE_GAP_DECAY 0.95   /* of the longest gap and burst, with each result: forgotten after some fifty */
#define PACE_BURST_PART 8     /* a result that comes within this part of an item's time belongs to a burst */
#define PACE_START_WEIGHT 0.5 /* of the newest run's start; starts are rare and alike */

static void pace_add_start(Pace *pace, double elapsed_usec) {
        double item_usec = pace_item_usec(pace), start_usec;

        if (pace->n_items <= 0 || pace->provisional) {
                pace->n_items = 1;
                pace->busy_usec = elapsed_usec;
                pace->gap_usec = elapsed_usec;
                pace->provisional = true;
                return;
        }
        start_usec = MAX(elapsed_usec - item_usec, 0.0);
        pace->start_usec += (start_usec - pace->start_usec) * PACE_START_WEIGHT;
}

static void pace_add_burst(Pace *pace, double elapsed_usec) {
        bool together = pace->n_together > 0 && elapsed_usec * PACE_BURST_PART < pace_item_usec(pace);

        pace->n_together = together ? pace->n_together + 1 : 1;
        pace->burst_items = MAX((double) pace->n_together, pace->burst_items * PACE_GAP_DECAY);
}

void pace_add(Pace *pace, usec_t elapsed_usec, bool starts_run, usec_t memory_usec) {
        double elapsed = MAX((double) elapsed_usec, 1.0), memory, decay;

        if (starts_run) {
                pace_add_start(pace, elapsed);
                return;
        }
        if (pace->provisional) {
                /* Now the first item can be taken apart into its start and itself. */
                *pace = (Pace) { .start_usec = MAX(pace->busy_usec - elapsed, 0.0) };
        }

        pace_add_burst(pace, elapsed);
        memory = MAX((double) memory_usec, PACE_ITEMS_MIN * pace_item_usec(pace));
        decay = memory > 0 ? memory / (memory + elapsed) : 0;
        pace->n_items = pace->n_items * decay + 1;
        pace->busy_usec = pace->busy_usec * decay + elapsed;
        pace->gap_usec = MAX(elapsed, pace->gap_usec * PACE_GAP_DECAY);
}

double pace_item_usec(const Pace *pace) {
        return pace->n_items > 0 ? pace->busy_usec / pace->n_items : 0;
}
