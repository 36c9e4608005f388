/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Helping those who are behind. All return 0 (nobody to help), 1 (*ret written), or -ENOMEM. */

#include "plan/plan-state.h"

/* Takes over the end of another lane's run or leases that it has not begun. */
int rescue_split(Plan *plan, Lane *lane, Backlog *backlog, usec_t now, PlanLease *ret);

/* Computes items too that another lane is at, if this one will clearly be done earlier. */
int rescue_copy(Plan *plan, Lane *lane, Backlog *backlog, usec_t now, PlanLease *ret);

/* The same for the item at the frontier, while there is other work too: only if its lane is overdue. */
int rescue_frontier(Plan *plan, Lane *lane, Backlog *backlog, usec_t now, PlanLease *ret);
