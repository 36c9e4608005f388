/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whose block a lane computes next: stride scheduling with a quantum, and duty cycles. Knows neither threads nor
 * leases nor the clock: everything is an argument.
 *
 * Each row is one client of the lane. Its pass advances by the CPU time it used, divided by its weight; the row with
 * the least pass is served. Because a sieve that starts anew may cost seconds (near 2^64) or nothing (near 0), a row
 * whose next block continues the last one is served until its quantum is used up, which is long enough that its starts
 * cost 5 % of it.
 *
 * A row with a duty cycle may use that share of the lane's time at most: it has an account that fills at that rate,
 * up to what it would get in a quantum, and rests while it is overdrawn.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define SCHEDULE_ROWS_MAX 64
#define SCHEDULE_QUANTUM_USEC (10 * USEC_PER_SEC) /* the longest, and that of a row whose starts are not known */
#define SCHEDULE_QUANTUM_MIN_USEC (200 * USEC_PER_MSEC)
#define SCHEDULE_QUANTUM_STARTS 20 /* a quantum in starts */
#define SCHEDULE_WEIGHT_MAX 1000
#define SCHEDULE_NONE UINT_MAX

typedef struct ScheduleRow {
        uint64_t pass;
        usec_t quantum_usec;
        unsigned duty_permille; /* of the lane's time; 0: no limit */
        int64_t balance_usec;   /* CPU time that it may use at once; negative: it rests */
        usec_t balance_at;      /* when that was true */
} ScheduleRow;

typedef struct Schedule {
        ScheduleRow rows[SCHEDULE_ROWS_MAX];
        uint64_t pass;       /* of the row that was served last: where newcomers begin */
        unsigned current;    /* or SCHEDULE_NONE */
        usec_t current_usec; /* CPU time since it was chosen */
} Schedule;

/* What a row has to offer when the lane is free. */
typedef struct ScheduleOffer {
        bool ready;      /* a block that may be begun */
        bool continues;  /* … and follows the last one that the lane computed */
        unsigned weight; /* 1 … SCHEDULE_WEIGHT_MAX */
} ScheduleOffer;

void schedule_init(Schedule *schedule);

/* The row belongs to a new client. */
void schedule_reset(Schedule *schedule, unsigned row);

/* The row has work again after it had none: what it did not use in the meantime is gone. */
void schedule_enter(Schedule *schedule, unsigned row);

void schedule_set_duty(Schedule *schedule, unsigned row, unsigned permille, usec_t now);

/*
 * The row to serve now, which becomes the current one, or SCHEDULE_NONE; then `*ret_wake` is when to ask again even if
 * no offer changes (USEC_INFINITY: not before).
 */
unsigned schedule_pick(Schedule *schedule, const ScheduleOffer *offers, unsigned n_offers, usec_t now,
                       usec_t *ret_wake);

/* The row has used so much CPU time, `now` included. */
void schedule_charge(Schedule *schedule, unsigned row, unsigned weight, usec_t cpu_usec, usec_t now);

/* A block with which the row's sieve started anew took so much CPU time. */
void schedule_started(Schedule *schedule, unsigned row, usec_t cpu_usec);

/* How much CPU time the others will about get before this row's turn comes; 0 for the current one while it is ready. */
usec_t schedule_wait(const Schedule *schedule, const ScheduleOffer *offers, unsigned n_offers, unsigned row);
