/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Stride scheduling (Waldspurger and Weihl, 1995), with CPU time in place of ticks.
 *
 * A row that could not run for a while (it rested, or its master took no more blocks) falls behind. It may make up for
 * one quantum of that and no more, so that it cannot keep the others waiting later.
 */

#include "worker/schedule.h"

#include "base/macro.h"

#define PASS_SCALE 1024 /* so that heavy rows advance exactly, too */

static uint64_t pass_of(usec_t cpu_usec, unsigned weight) {
        return cpu_usec * PASS_SCALE / CLAMP(weight, 1U, (unsigned) SCHEDULE_WEIGHT_MAX);
}

void schedule_init(Schedule *schedule) {
        *schedule = (Schedule) { .current = SCHEDULE_NONE };
}

void schedule_reset(Schedule *schedule, unsigned row) {
        schedule->rows[row] = (ScheduleRow) { .pass = schedule->pass, .quantum_usec = SCHEDULE_QUANTUM_USEC };
        if (schedule->current == row)
                schedule->current = SCHEDULE_NONE;
}

void schedule_enter(Schedule *schedule, unsigned row) {
        schedule->rows[row].pass = MAX(schedule->rows[row].pass, schedule->pass);
}

/* Brings the account up to date. */
static void row_fill(ScheduleRow *row, usec_t now) {
        int64_t most;

        if (row->duty_permille == 0 || now <= row->balance_at)
                return;
        most = (int64_t) (SCHEDULE_QUANTUM_USEC * row->duty_permille / 1000);
        row->balance_usec += (int64_t) (MIN(now - row->balance_at, USEC_PER_HOUR) * row->duty_permille / 1000);
        row->balance_usec = MIN(row->balance_usec, most);
        row->balance_at = now;
}

void schedule_set_duty(Schedule *schedule, unsigned row_number, unsigned permille, usec_t now) {
        ScheduleRow *row = schedule->rows + row_number;

        if (row->duty_permille == permille)
                return;
        row_fill(row, now);
        if (row->duty_permille == 0) {
                row->balance_usec = 0;
                row->balance_at = now;
        }
        row->duty_permille = permille;
}

/* When the row may run: `now` or later. */
static usec_t row_ready_at(const ScheduleRow *row, usec_t now) {
        if (row->duty_permille == 0 || row->balance_usec >= 0)
                return now;
        return now + (usec_t) -row->balance_usec * 1000 / row->duty_permille + 1;
}

unsigned schedule_pick(Schedule *schedule, const ScheduleOffer *offers, unsigned n_offers, usec_t now,
                       usec_t *ret_wake) {
        unsigned best = SCHEDULE_NONE;
        usec_t wake = USEC_INFINITY;

        for (unsigned i = 0; i < n_offers; i++) {
                ScheduleRow *row = schedule->rows + i;
                uint64_t lag = pass_of(SCHEDULE_QUANTUM_USEC, offers[i].weight);
                usec_t ready_at;

                if (!offers[i].ready)
                        continue;
                row->pass = MAX(row->pass, schedule->pass - MIN(schedule->pass, lag));
                row_fill(row, now);
                ready_at = row_ready_at(row, now);
                if (ready_at > now) {
                        wake = MIN(wake, ready_at);
                        continue;
                }
                if (i == schedule->current && offers[i].continues && schedule->current_usec < row->quantum_usec)
                        return i;
                if (best == SCHEDULE_NONE || row->pass < schedule->rows[best].pass)
                        best = i;
        }
        if (best == SCHEDULE_NONE) {
                *ret_wake = wake;
                return SCHEDULE_NONE;
        }
        schedule->pass = MAX(schedule->pass, schedule->rows[best].pass);
        schedule->current = best;
        schedule->current_usec = 0;
        return best;
}

void schedule_charge(Schedule *schedule, unsigned row_number, unsigned weight, usec_t cpu_usec, usec_t now) {
        ScheduleRow *row = schedule->rows + row_number;

        row->pass += pass_of(cpu_usec, weight);
        if (row->duty_permille > 0) {
                row_fill(row, now);
                row->balance_usec -= (int64_t) cpu_usec;
        }
        if (row_number == schedule->current)
                schedule->current_usec += cpu_usec;
}

void schedule_started(Schedule *schedule, unsigned row, usec_t cpu_usec) {
        schedule->rows[row].quantum_usec = CLAMP(cpu_usec * SCHEDULE_QUANTUM_STARTS, SCHEDULE_QUANTUM_MIN_USEC,
                                                 SCHEDULE_QUANTUM_USEC);
}

usec_t schedule_wait(const Schedule *schedule, const ScheduleOffer *offers, unsigned n_offers, unsigned row) {
        uint64_t pass = schedule->rows[row].pass;
        usec_t wait = 0;

        if (row == schedule->current && offers[row].ready)
                return 0;
        for (unsigned i = 0; i < n_offers; i++) {
                usec_t share = 0, quantum = schedule->rows[i].quantum_usec;

                if (i == row || !offers[i].ready)
                        continue;
                if (schedule->rows[i].pass < pass)
                        share = (pass - schedule->rows[i].pass) / PASS_SCALE * offers[i].weight;
                if (i == schedule->current)
                        share = MAX(share, quantum - MIN(schedule->current_usec, quantum));
                wait += share;
        }
        return wait;
}
