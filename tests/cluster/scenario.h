/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What every scenario needs. */

#include "base/cleanup.h"
#include "base/macro.h"
#include "cluster/simulator.h"
#include "test.h"

DEFINE_TRIVIAL_CLEANUP_FUNC(Simulator *, simulator_free);

#define SECONDS(n) ((usec_t) ((n) *USEC_PER_SEC))

/* Runs to the end. Any difference between the plan and the books fails the scenario. */
static inline SimulatorReport scenario_run(Simulator *simulator) {
        bool ok = simulator_run(simulator, USEC_INFINITY);

        if (!ok)
                printf("# %s\n", simulator_failure(simulator));
        CHECK(ok);
        return simulator_report(simulator);
}

/* The makespan, without `allowed_usec`, in parts of the ideal and one minimum lease; shown as it is asked
 * for. */
static inline double scenario_ratio(const SimulatorReport *report, usec_t allowed_usec) {
        double ideal_usec = report->ideal_lost_usec +
                            MAX(PLAN_SETTINGS_DEFAULT.lease_minimum_usec, report->item_usec);
        double ratio = ((double) report->makespan_usec - allowed_usec) / ideal_usec;

        printf("# makespan %.3f s, ideal %.3f s, ratio %.4f; %" PRIu64 " leases, %" PRIu64
               " starts, %" PRIu64 " duplicates\n",
               (double) report->makespan_usec / USEC_PER_SEC, ideal_usec / USEC_PER_SEC, ratio,
               report->n_leases, report->n_starts, report->n_duplicates);
        return ratio;
}
