/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "plan/roster.h"

#include <errno.h>

#include "test.h"

static void test_members_are_found_in_any_order(void) {
        Roster roster = {};

        for (uint64_t i = 0; i < 500; i++)
                CHECK(roster_add(&roster, i * 7919 % 500, 1 + i % 3) == 0);
        CHECK(roster_add(&roster, 44, 1) == -EEXIST);
        for (uint64_t i = 0; i < 500; i++)
                CHECK(roster_find(&roster, i) && roster_find(&roster, i)->worker == i);
        for (uint64_t i = 0; i < 500; i += 2)
                roster_remove(&roster, roster_find(&roster, i));
        for (uint64_t i = 0; i < 500; i++)
                CHECK(!roster_find(&roster, i) == (i % 2 == 0));
        roster_done(&roster);
}

static void test_walk_sees_every_lane_once(void) {
        Roster roster = {};
        unsigned n = 0;

        CHECK(roster_add(&roster, 3, 2) == 0);
        CHECK(roster_add(&roster, 1, 0) == 0);
        CHECK(roster_add(&roster, 2, 4) == 0);
        CHECK(roster_set_lanes(&roster, roster_find(&roster, 2), 1) == 0);
        CHECK(roster_set_lanes(&roster, roster_find(&roster, 1), 5) == 0);
        CHECK_EQUAL(roster.n_lanes, 8);
        for (RosterWalk walk = { .roster = &roster }; roster_walk(&walk);)
                n++;
        CHECK_EQUAL(n, 8);
        roster_done(&roster);
}

int main(void) {
        RUN(test_members_are_found_in_any_order);
        RUN(test_walk_sees_every_lane_once);
        return tests_end();
}
