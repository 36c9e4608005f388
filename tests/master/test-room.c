/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is kept free of small, usual and large file systems, what stores may use, when a job stops and goes on. */

#include "master/room.h"

#include <errno.h>

#include "test.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static uint64_t played_size, played_available;

static int played_space(const Disk *disk, const char *path, uint64_t *ret_size, uint64_t *ret_available) {
        *ret_size = played_size;
        *ret_available = played_available;
        return 0;
}

static int failing_space(const Disk *disk, const char *path, uint64_t *ret_size, uint64_t *ret_available) {
        return -EACCES;
}

static int check_room(uint64_t size, uint64_t available, bool stopped) {
        const Disk disk = { .space = played_space };

        played_size = size;
        played_available = available;
        return room_check(&disk, "/somewhere", &(RoomRules) {}, 0, stopped, NULL, NULL);
}

static void test_the_defaults(void) {
        const RoomRules none = {};

        CHECK_EQUAL(room_keep_free(&none, 0), 0);
        CHECK_EQUAL(room_keep_free(&none, 1000 * MIB), 50 * MIB);
        CHECK_EQUAL(room_keep_free(&none, 80 * GIB), 4 * GIB);
        CHECK_EQUAL(room_keep_free(&none, 8000 * GIB), 4 * GIB);
        CHECK_EQUAL(room_keep_free(&none, UINT64_MAX), 4 * GIB);
        CHECK_EQUAL(room_to_go_on(&none, 0), 8 * MIB);
        CHECK_EQUAL(room_to_go_on(&none, 1000 * MIB), 55 * MIB);
        CHECK_EQUAL(room_to_go_on(&none, 8000 * GIB), 4 * GIB + 4 * GIB / 10);
        CHECK_EQUAL(room_max_use(&none, 1000 * MIB), 500 * MIB);
        CHECK_EQUAL(room_max_use(&none, 512 * GIB), 256 * GIB);
        CHECK_EQUAL(room_max_use(&none, 8000 * GIB), 256 * GIB);
}

static void test_which_errors_mend_themselves(void) {
        CHECK(room_is_lack(-ENOSPC) && room_is_lack(-EDQUOT));
        CHECK(!room_is_lack(0) && !room_is_lack(-EIO));
}

static void test_what_is_set(void) {
        const RoomRules bytes = { .max_use = { .bytes = 3 * GIB }, .keep_free = { .bytes = GIB } };
        const RoomRules percent = { .max_use = { .percent = 25 }, .keep_free = { .percent = 95 } };

        CHECK_EQUAL(room_max_use(&bytes, GIB), 3 * GIB);
        CHECK_EQUAL(room_keep_free(&bytes, 100 * GIB), GIB);
        CHECK_EQUAL(room_to_go_on(&bytes, 100 * GIB), GIB + GIB / 10);
        CHECK_EQUAL(room_max_use(&percent, 1000), 250);
        CHECK_EQUAL(room_max_use(&percent, 1003), 250);
        CHECK_EQUAL(room_max_use(&percent, UINT64_MAX), UINT64_MAX / 4);
        CHECK_EQUAL(room_keep_free(&percent, 1000 * MIB), 950 * MIB);
        CHECK_EQUAL(room_to_go_on(&percent, 1000 * MIB), 960 * MIB); /* can be reached */
}

static void test_the_stores_use_too_much(void) {
        const Disk disk = { .space = played_space }, blind = { .space = failing_space };
        const RoomRules rules = { .max_use = { .bytes = 200 * MIB } };
        Problem problem = PROBLEM_NONE;
        RoomLack lack;

        played_size = 1000 * MIB;
        played_available = 700 * MIB;
        CHECK_EQUAL(room_check(&disk, "/x", &rules, 200 * MIB, false, &lack, NULL), 0);
        CHECK(lack.free_bytes == 0 && lack.use_bytes == 0);
        CHECK_EQUAL(room_check(&disk, "/x", &rules, 205 * MIB, false, &lack, &problem), -ENOSPC);
        CHECK(lack.free_bytes == 0 && lack.use_bytes == 5 * MIB);
        CHECK(strstr(problem.text, "The stores use 205.0M, but are to use at most 200.0M ('max_use'"));
        CHECK_EQUAL(room_check(&disk, "/x", &rules, 199 * MIB, true, &lack, NULL), -ENOSPC);
        CHECK_EQUAL(lack.use_bytes, MIB);
        CHECK_EQUAL(room_check(&disk, "/x", &rules, 198 * MIB, true, NULL, NULL), 0);
        played_available = 40 * MIB;
        CHECK_EQUAL(room_check(&disk, "/x", &rules, 205 * MIB, false, &lack, NULL), -ENOSPC);
        CHECK(lack.free_bytes == 10 * MIB && lack.use_bytes == 5 * MIB);

        /* what was said in bytes counts wherever the stores are, the default does not */
        CHECK_EQUAL(room_check(&blind, "/x", &rules, 205 * MIB, false, NULL, NULL), -ENOSPC);
        CHECK_EQUAL(room_check(&blind, "/x", &(RoomRules) {}, UINT64_MAX - 1, true, NULL, NULL), 0);
}

static void test_it_stops_and_goes_on(void) {
        CHECK_EQUAL(check_room(1000 * MIB, 50 * MIB, false), 0);
        CHECK_EQUAL(check_room(1000 * MIB, 50 * MIB - 1, false), -ENOSPC);
        CHECK_EQUAL(check_room(1000 * MIB, 55 * MIB - 1, true), -ENOSPC);
        CHECK_EQUAL(check_room(1000 * MIB, 55 * MIB, true), 0);
        CHECK_EQUAL(check_room(8000 * GIB, 4 * GIB, false), 0);
        CHECK_EQUAL(check_room(8000 * GIB, 4 * GIB - 1, false), -ENOSPC);
        CHECK_EQUAL(check_room(0, 0, false), 0); /* a file system that does not tell */
}

static void test_the_sentence(void) {
        const Disk disk = { .space = played_space };
        Problem problem = PROBLEM_NONE;

        played_size = 1000 * MIB;
        played_available = 12 * MIB;
        CHECK_EQUAL(room_check(&disk, "/srv/primes", &(RoomRules) {}, 0, false, NULL, &problem), -ENOSPC);
        CHECK(strstr(problem.text, "'/srv/primes' has 12.0M free, but 50.0M are to stay free"));
        CHECK(strstr(problem.text, "Make room there"));
}

static void test_what_is_not_known_stops_nothing(void) {
        const Disk disk = { .space = failing_space };
        uint64_t size = 0, available = 0;

        CHECK_EQUAL(room_check(&disk, "/srv/primes", &(RoomRules) {}, 0, false, NULL, NULL), 0);
        CHECK_EQUAL(room_check(&disk_system, "/nonexistent/primes", &(RoomRules) {}, 0, true, NULL, NULL), 0);
        CHECK_EQUAL(disk_system.space(&disk_system, "/", &size, &available), 0);
        CHECK(size > 0 && available <= size);
}

int main(void) {
        RUN(test_the_defaults);
        RUN(test_which_errors_mend_themselves);
        RUN(test_what_is_set);
        RUN(test_the_stores_use_too_much);
        RUN(test_it_stops_and_goes_on);
        RUN(test_the_sentence);
        RUN(test_what_is_not_known_stops_nothing);
        return tests_end();
}
