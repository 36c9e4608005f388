/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Choosing the next lease for a lane. */

#include "plan/plan-state.h"

/* 0 (nothing to give now), 1 (*ret written), or -ENOMEM. */
int grant_lease(Plan *plan, Lane *lane, usec_t now, PlanLease *ret);

/* The lane leaves its job: what it has not used of its credit is the job's again. */
void grant_refund(Lane *lane);
