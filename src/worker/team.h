/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The threads that fill one window together: what a SieveTeam of prime/sieve/run.h stands on.
 *
 * A piece of work is a row of parts, which the threads take one by one, the small ones first: a thread that is faster,
 * or is disturbed less, takes more of them. The thread that asks takes part, so a team of one has no thread of its
 * own. Whoever has nothing to do sleeps.
 */

#include "base/cleanup.h"
#include "base/clock.h"
#include "prime/sieve/run.h"

typedef struct Team Team;

/* `n_threads` >= 1: the caller's and n_threads - 1 of its own. 0 or negative errno. */
int team_new(unsigned n_threads, Team **ret);

/* Nobody may be in team_run(). Ends and joins the threads. */
Team *team_free(Team *team);

unsigned team_threads(const Team *team);

/*
 * So many threads take parts from now on (1 … n_threads), the caller included; all, at first. A thread that is too many
 * ends the part that it is at. From any thread, at any time.
 */
void team_set_limit(Team *team, unsigned n_threads);

/*
 * As SieveTeam.for_each(), with threads below MIN(n_threads, limit). Always by one and the same thread at a time, and
 * not from within a part.
 */
int team_run(Team *team, unsigned n_threads, size_t n_parts, SievePart *part, void *userdata);

/* CPU time that the calling thread and the team's own threads have used since they began. */
usec_t team_cpu_usec(const Team *team);

DEFINE_TRIVIAL_CLEANUP_FUNC(Team *, team_free);
