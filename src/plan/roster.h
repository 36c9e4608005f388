/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The workers that are here, and their lanes. */

#include <stddef.h>
#include <stdint.h>

#include "plan/lane.h"

typedef struct Member {
        uint64_t worker;
        Lane *lanes;
        unsigned n_lanes;
} Member;

typedef struct Roster {
        Member *members; /* sorted by worker */
        size_t n_members, n_allocated;
        unsigned n_lanes; /* of all members */
} Roster;

/* Frees the contents; the jobs must be alive still. */
void roster_done(Roster *roster);

int roster_add(Roster *roster, uint64_t worker, unsigned n_lanes); /* -EEXIST, -ENOMEM */
void roster_remove(Roster *roster, Member *member);
int roster_set_lanes(Roster *roster, Member *member, unsigned n_lanes);
Member *roster_find(const Roster *roster, uint64_t worker); /* NULL: not here */

/* All lanes, in one order: for (RosterWalk walk = { .roster = r }; (lane = roster_walk(&walk));) */
typedef struct RosterWalk {
        const Roster *roster;
        size_t member;
        unsigned lane;
} RosterWalk;

Lane *roster_walk(RosterWalk *walk);
