/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How fast one lane does the items of one job, learned from the times between its results. */

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

typedef struct Pace {
        double n_items, busy_usec; /* decaying sums: their ratio is the speed */
        double gap_usec;           /* the longest recent time between two results, decaying */
        double burst_items;        /* the most results that recently came at once, decaying */
        unsigned n_together;       /* results of the burst that is coming in */
        double start_usec;         /* what the first item of a run costs more than another one */
        bool provisional;          /* only first items of runs were seen */

        /* the burst with which the run began */
        uint64_t n_starting, n_start_left; /* results that came (0: others came since), and that are still to come */
        double starting_usec, start_before_usec; /* its time, and `start_usec` before it */
} Pace;

/*
 * A result came `elapsed_usec` after the lane had begun its item. Older results count less, by half or so after
 * `memory_usec`. `n_starting` > 0: a run began with it, and with so many results that come together, this one included.
 */
void pace_add(Pace *pace, usec_t elapsed_usec, uint64_t n_starting, usec_t memory_usec);

/* 0: not yet known. */
double pace_item_usec(const Pace *pace);
