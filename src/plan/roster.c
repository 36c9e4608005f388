/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The roster: an array sorted by worker, so that lookups are fast and every walk has the same order. */

#include "plan/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t roster_position(const Roster *roster, uint64_t worker) {
        size_t low = 0, high = roster->n_members;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (roster->members[middle].worker < worker)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static void member_drop_lanes(Member *member, unsigned from) {
        for (unsigned i = from; i < member->n_lanes; i++) {
                lane_count(member->lanes + i, NULL);
                lane_done(member->lanes + i);
        }
}

void roster_done(Roster *roster) {
        for (size_t i = 0; i < roster->n_members; i++) {
                member_drop_lanes(roster->members + i, 0);
                free(roster->members[i].lanes);
        }
        free(roster->members);
        *roster = (Roster) {};
}

int roster_add(Roster *roster, uint64_t worker, unsigned n_lanes) {
        size_t at = roster_position(roster, worker);
        Member *member;
        int r;

        if (roster_find(roster, worker))
                return -EEXIST;

        if (roster->n_members == roster->n_allocated) {
                size_t n = roster->n_allocated * 2 + 8;
                Member *grown = reallocarray(roster->members, n, sizeof *grown);

                if (!grown)
                        return -ENOMEM;
                roster->members = grown;
                roster->n_allocated = n;
        }
        member = roster->members + at;
        memmove(member + 1, member, (roster->n_members - at) * sizeof *member);
        *member = (Member) { .worker = worker };
        roster->n_members++;

        r = roster_set_lanes(roster, member, n_lanes);
        if (r < 0)
                roster_remove(roster, member);
        return r;
}

void roster_remove(Roster *roster, Member *member) {
        size_t at = member - roster->members;

        member_drop_lanes(member, 0);
        roster->n_lanes -= member->n_lanes;
        free(member->lanes);
        memmove(member, member + 1, (roster->n_members - at - 1) * sizeof *member);
        roster->n_members--;
}

int roster_set_lanes(Roster *roster, Member *member, unsigned n_lanes) {
        if (n_lanes < member->n_lanes)
                member_drop_lanes(member, n_lanes);
        else if (n_lanes > member->n_lanes) {
                Lane *grown = reallocarray(member->lanes, n_lanes, sizeof *grown);

                if (!grown)
                        return -ENOMEM;
                member->lanes = grown;
                for (unsigned i = member->n_lanes; i < n_lanes; i++)
                        member->lanes[i] = (Lane) { .worker = member->worker };
        }
        roster->n_lanes += n_lanes;
        roster->n_lanes -= member->n_lanes;
        member->n_lanes = n_lanes;
        return 0;
}

Member *roster_find(const Roster *roster, uint64_t worker) {
        size_t at = roster_position(roster, worker);

        return at < roster->n_members && roster->members[at].worker == worker ? roster->members + at : NULL;
}

Lane *roster_walk(RosterWalk *walk) {
        while (walk->member < walk->roster->n_members) {
                Member *member = walk->roster->members + walk->member;

                if (walk->lane < member->n_lanes)
                        return member->lanes + walk->lane++;
                walk->member++;
                walk->lane = 0;
        }
        return NULL;
}
