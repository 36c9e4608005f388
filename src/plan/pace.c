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
 * how dear a new run is, and nothing about speed, unless there is nothing else to go by. Where it comes in a burst, the
 * others of that burst belong to it: they cost time that passed before the first one came.
 *
 * Division instead of exp(): the same figures on every machine, whatever its libm.
 */

#include "plan/pace.h"

#include "base/macro.h"

#define PACE_ITEMS_MIN 4.0    /* remember at least so many items, however slow the lane is */
#define PACE_GAP_DECAY 0.95   /* of the longest gap and burst, with each result: forgotten after some fifty */
#define PACE_BURST_PART 8     /* a result that comes within this part of an item's time belongs to a burst */
#define PACE_START_WEIGHT 0.5 /* of the newest run's start; starts are rare and alike */

/* The burst with which the run began, as far as it has come. */
static void pace_take_start(Pace *pace) {
        double start_usec;

        if (pace->provisional) {
                pace->n_items = pace->n_starting;
                pace->busy_usec = pace->starting_usec;
                pace->gap_usec = MAX(pace->gap_usec, pace->starting_usec);
                return;
        }
        start_usec = MAX(pace->starting_usec - pace->n_starting * pace_item_usec(pace), 0.0);
        pace->start_usec = pace->start_before_usec + (start_usec - pace->start_before_usec) * PACE_START_WEIGHT;
}

static void pace_begin_start(Pace *pace, double elapsed_usec, uint64_t n_items) {
        if (pace->n_items <= 0 || pace->provisional) {
                pace->provisional = true;
                pace->gap_usec = 0;
        }
        pace->n_starting = 1;
        pace->n_start_left = n_items - 1;
        pace->starting_usec = elapsed_usec;
        pace->start_before_usec = pace->start_usec;
        pace->n_together = 1;
        pace->burst_items = MAX(pace->burst_items, 1.0);
        pace_take_start(pace);
}

/* Whether the result belongs to the burst with which the run began, and is done with by this. */
static bool pace_go_on_start(Pace *pace, double elapsed_usec) {
        if (pace->n_starting == 0)
                return false;
        if (pace->n_start_left == 0 && elapsed_usec * PACE_BURST_PART >= pace_item_usec(pace)) {
                pace->n_starting = 0;
                return false;
        }
        pace->n_start_left -= pace->n_start_left > 0;
        pace->n_starting++;
        pace->starting_usec += elapsed_usec;
        pace->n_together++;
        pace->burst_items = MAX((double) pace->n_together, pace->burst_items);
        pace_take_start(pace);
        return true;
}

static void pace_add_burst(Pace *pace, double elapsed_usec) {
        bool together = pace->n_together > 0 && elapsed_usec * PACE_BURST_PART < pace_item_usec(pace);

        pace->n_together = together ? pace->n_together + 1 : 1;
        pace->burst_items = MAX((double) pace->n_together, pace->burst_items * PACE_GAP_DECAY);
}

void pace_add(Pace *pace, usec_t elapsed_usec, uint64_t n_starting, usec_t memory_usec) {
        double elapsed = MAX((double) elapsed_usec, 1.0), memory, decay;

        if (n_starting > 0) {
                pace_begin_start(pace, elapsed, n_starting);
                return;
        }
        if (pace_go_on_start(pace, elapsed))
                return;
        if (pace->provisional) {
                /* Now the first items can be taken apart into their start and themselves. */
                *pace = (Pace) { .start_usec = MAX(pace->busy_usec - elapsed, 0.0), .burst_items = pace->burst_items };
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
