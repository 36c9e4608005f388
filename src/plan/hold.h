/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who holds which items: taking them away from lanes and making them free again.
 *
 * All return 0 or -ENOMEM, after which a part may have been done, as plan.h says. Nothing is handed over to the
 * caller: the lanes keep their own leases, and the Plan its revocations. Only hold_revoke() and hold_settle_item()
 * queue revocations for the workers; whoever calls one of the others knows that the lane's worker is gone, is late, or
 * asked for it.
 */

#include "plan/plan-state.h"

/* Makes [first, end) free except for what lanes hold by leases that are not expired, or by runs. Done items stay.
 * Waiting lanes may ask again. */
int hold_release(Plan *plan, Backlog *backlog, uint64_t first, uint64_t end);

/* Gives up the lane's reservation, if it has one: lane->run is NULL afterwards. Its leases stay. */
int hold_drop_run(Plan *plan, Lane *lane);

/* The lane will not do [first, end) of the job any more: what it held of it is free, if nobody else holds it. If that
 * was something, its reservation in the job is given up too. */
int hold_give_back(Plan *plan, Lane *lane, Backlog *backlog, uint64_t first, uint64_t end, usec_t now);

/* The lane is gone: all it held is free, and its speed is counted in no job. The Lane itself stays the caller's. */
int hold_empty_lane(Plan *plan, Lane *lane);

/* The lane is late: its items are free and its reservation is dropped, but it keeps its leases, marked as expired, and
 * may still deliver. Its speed is counted in no job. */
int hold_expire(Plan *plan, Lane *lane);

/* The lane is alive after all: its leases are not expired any more. Items that were given to others meanwhile are held
 * by both and stay in `shared`. */
int hold_revive(Lane *lane);

/* Takes [first, end) from the lane and tells its worker; the items stay taken, for whoever the caller gives them to. */
int hold_revoke(Plan *plan, Lane *lane, Backlog *backlog, uint64_t first, uint64_t end, usec_t now);

/* `item` was just accepted from `own` (NULL: from nobody who held it): it is in nobody's lease any more, and the
 * workers of the other lanes that had it are told. */
int hold_settle_item(Plan *plan, Lane *own, Backlog *backlog, uint64_t item, usec_t now);

/* Takes [first, end) out of everybody's leases, runs (these are given up whole) and marks, without a word to the
 * workers. Does not change which items are done or taken otherwise. */
int hold_erase(Plan *plan, Backlog *backlog, uint64_t first, uint64_t end);
