/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who holds which items: taking them away from lanes and making them free again. */

#include "plan/plan-state.h"

/* Makes [first, end) free except for what lanes hold by leases that are not expired, or by runs. */
int hold_release(Plan *plan, Backlog *backlog, uint64_t first, uint64_t end);

/* Gives up the lane's reservation. */
int hold_drop_run(Plan *plan, Lane *lane);

/* The lane will not do [first, end) of the job any more: what it held of it is free, if nobody else holds
 * it. */
int hold_give_back(Plan *plan, Lane *lane, Backlog *backlog, uint64_t first, uint64_t end, usec_t now);

/* The lane is gone: all it held is free. */
int hold_empty_lane(Plan *plan, Lane *lane);

/* The lane is late: its items are free, but it keeps its leases. */
int hold_expire(Plan *plan, Lane *lane);

/* The lane is alive after all: what nobody has taken since is its own again. */
int hold_revive(Lane *lane);

/* Takes [first, end) from the lane and tells its worker; the items stay taken. */
int hold_revoke(Plan *plan, Lane *lane, Backlog *backlog, uint64_t first, uint64_t end, usec_t now);

/* An item was just accepted from `own` (NULL: from nobody who held it): nobody needs to do it any more. */
int hold_settle_item(Plan *plan, Lane *own, Backlog *backlog, uint64_t item, usec_t now);

/* Takes [first, end) out of everybody's leases, runs and marks, without a word to the workers. */
int hold_erase(Plan *plan, Backlog *backlog, uint64_t first, uint64_t end);
