/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Cutting runs and leases for a lane, and writing them down. All return 0 (nothing to give now), 1 (*ret written), or
 * -ENOMEM.
 */

#include "plan/plan-state.h"

/* The next lease of the lane's own run. */
int allot_from_run(Plan *plan, Lane *lane, usec_t now, PlanLease *ret);

/* A run in the lowest free stretch, as far as the spool has room. */
int allot_free(Plan *plan, Lane *lane, Backlog *backlog, usec_t now, PlanLease *ret);

/* Makes [first, end), which is taken already, the lane's run, and leases its beginning. */
int allot_run(Plan *plan, Lane *lane, Backlog *backlog, uint64_t first, uint64_t end, usec_t now, PlanLease *ret);

/* Leases [first, end), which others hold, as a copy. */
int allot_copy(Plan *plan, Lane *lane, Backlog *backlog, uint64_t first, uint64_t end, usec_t now, PlanLease *ret);
