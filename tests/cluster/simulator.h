/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A whole cluster on simulated time: one master that calls the real plan, workers that compute nothing but
 * take as long as real ones, links that delay, and every way to fail.
 *
 * The simulator keeps books of its own and compares them with the plan's answers at every step. The first
 * difference ends the simulation; simulator_failure() then says what it was.
 *
 * A scenario describes jobs, workers and accidents, runs until all is done, and looks at the report:
 *
 *         Simulator *s = simulator_new(1);
 *         uint64_t job = simulator_add_job(s, (PlanJob) { .n_items = 1000 });
 *         uint64_t pi = simulator_add_worker(s, 0, (WorkerTraits) { .items_per_second = 3 });
 *         simulator_die(s, 10 * USEC_PER_SEC, pi);
 *         simulator_run(s, USEC_INFINITY);
 */

#include <stdbool.h>
#include <stdint.h>

#include "plan/plan.h"

typedef struct Simulator Simulator;

typedef struct WorkerTraits {
        double items_per_second; /* of each lane, for an item of ordinary cost */
        unsigned n_lanes;        /* 0: one */
        usec_t latency_usec;     /* one way */
        usec_t start_usec;       /* extra time for an item that does not follow the lane's last one */
        double p_twice;          /* probability that a result is sent twice */
        double p_late;    /* probability that a result (and what follows it on the link) is held up … */
        usec_t late_usec; /* … by so much */
} WorkerTraits;

typedef struct SimulatorReport {
        usec_t makespan_usec;   /* from the first worker's joining until the last item was accepted */
        usec_t ideal_usec;      /* until the capacity that was there sufficed for the work */
        usec_t ideal_lost_usec; /* the same for the work and what failures and held up links destroyed of it */
        usec_t item_usec;       /* one item of ordinary cost on the fastest lane */
        usec_t slow_item_usec;  /* and on the slowest */
        uint64_t n_accepted, n_known, n_leases, n_duplicates, n_starts, n_revoked;
        uint64_t digest; /* of all that the plan answered */
} SimulatorReport;

/* lifetime */
Simulator *simulator_new(uint64_t seed);
Simulator *simulator_free(Simulator *simulator);
PlanSettings *simulator_settings(Simulator *simulator); /* to be changed before the first job is added */
void simulator_set_detection(Simulator *simulator, usec_t detection_usec); /* of a silent death; 30 s */

/* description. Jobs get the ids 1, 2, …; workers too. Zero fields of a job have sensible values. */
uint64_t simulator_add_job(Simulator *simulator, PlanJob job);
uint64_t simulator_add_job_with(Simulator *simulator, PlanJob job, const IntervalSet *done);
/* Items cost between 1 and `spread` times the ordinary, by chance. */
void simulator_vary_costs(Simulator *simulator, uint64_t job, double spread);
uint64_t simulator_add_worker(Simulator *simulator, usec_t at, WorkerTraits traits);

/* accidents to workers, at a time */
/* Silently: found out by the detection. */
void simulator_die(Simulator *simulator, usec_t at, uint64_t worker);
/* Sends what is done, hands the rest back, goes. */
void simulator_leave(Simulator *simulator, usec_t at, uint64_t worker);
/* After die or leave, with empty hands. */
void simulator_return(Simulator *simulator, usec_t at, uint64_t worker);
/* Longer than the detection takes: it is given up, goes on with what it is at, and joins again. */
void simulator_stall(Simulator *simulator, usec_t at, uint64_t worker, usec_t duration_usec);
void simulator_set_speed(Simulator *simulator, usec_t at, uint64_t worker, double items_per_second);
void simulator_set_lanes(Simulator *simulator, usec_t at, uint64_t worker, unsigned n_lanes);
/* All that is not begun; the worker stays. */
void simulator_hand_back(Simulator *simulator, usec_t at, uint64_t worker);
/* A result that nobody asked for. */
void simulator_offer(Simulator *simulator, usec_t at, uint64_t worker, uint64_t job, uint64_t item);

/* events at the master, at a time */
void simulator_lose(Simulator *simulator, usec_t at, uint64_t job, uint64_t first, uint64_t end);
void simulator_pause(Simulator *simulator, usec_t at, uint64_t job, bool paused);
void simulator_remove_job(Simulator *simulator, usec_t at, uint64_t job);
void simulator_start_job(Simulator *simulator, usec_t at, PlanJob job); /* its id is the next one then */
void simulator_set_priority(Simulator *simulator, usec_t at, uint64_t job, unsigned priority);

/* Runs until every job is finished and nothing is on its way, or until `until`. False: see
 * simulator_failure(). */
bool simulator_run(Simulator *simulator, usec_t until);

/* queries */
const char *simulator_failure(const Simulator *simulator); /* "": none */
SimulatorReport simulator_report(const Simulator *simulator);
Plan *simulator_plan(Simulator *simulator);
uint64_t simulator_job_accepted(const Simulator *simulator, uint64_t job);
usec_t simulator_job_busy(const Simulator *simulator, uint64_t job); /* lane time spent on accepted items */
usec_t simulator_job_finished_at(const Simulator *simulator, uint64_t job); /* 0: not yet */
/* USEC_INFINITY: not accepted. */
usec_t simulator_item_accepted_at(const Simulator *simulator, uint64_t job, uint64_t item);
/* The most items that were accepted beyond the frontier at a time. */
uint64_t simulator_spool_most(const Simulator *simulator, uint64_t job);
