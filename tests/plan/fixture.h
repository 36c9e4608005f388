/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A plan with one job, and shorthands that fail the test when the plan refuses. */

#include "base/cleanup.h"
#include "plan/plan.h"
#include "test.h"

#define JOB 7

DEFINE_TRIVIAL_CLEANUP_FUNC(Plan *, plan_free);

static inline Plan *fixture_plan(PlanJob job) {
        PlanSettings settings = PLAN_SETTINGS_DEFAULT;
        Plan *plan = NULL;

        job.id = job.id ?: JOB;
        job.priority = job.priority ?: 1;
        job.run_items = job.run_items ?: 1;
        job.spool_items_max = job.spool_items_max ?: UINT64_MAX;
        CHECK(plan_new(&settings, &plan) == 0);
        CHECK(plan_job_add(plan, &job, NULL) == 0);
        return plan;
}

static inline PlanLease fixture_lease(Plan *plan, uint64_t worker, usec_t now) {
        PlanLease lease = {};

        CHECK(plan_lease(plan, worker, 0, now, &lease) == PLAN_GRANTED);
        CHECK(lease.first < lease.end && lease.end <= lease.run_end);
        return lease;
}

static inline PlanVerdict fixture_result(Plan *plan, uint64_t worker, uint64_t item, usec_t now) {
        PlanVerdict verdict;

        CHECK(plan_result(plan, worker, JOB, item, now, &verdict) == 0);
        return verdict;
}
