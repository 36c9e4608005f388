/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is kept free of small, usual and large file systems, and when a job stops and goes on. */

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
        return room_check(&disk, "/somewhere", stopped, NULL);
}

static void test_the_reserve(void) {
        CHECK_EQUAL(room_reserve(0), 0);
        CHECK_EQUAL(room_reserve(1000 * MIB), 50 * MIB);
        CHECK_EQUAL(room_reserve(80 * GIB), 4 * GIB);
        CHECK_EQUAL(room_reserve(8000 * GIB), 4 * GIB);
        CHECK_EQUAL(room_reserve(UINT64_MAX), 4 * GIB);
        CHECK_EQUAL(room_to_go_on(0), 8 * MIB);
        CHECK_EQUAL(room_to_go_on(1000 * MIB), 55 * MIB);
        CHECK_EQUAL(room_to_go_on(8000 * GIB), 4 * GIB + 4 * GIB / 10);
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
        CHECK_EQUAL(room_check(&disk, "/srv/primes", false, &problem), -ENOSPC);
        CHECK(strstr(problem.text, "'/srv/primes' has 12.0M free, but 50.0M are to stay free"));
        CHECK(strstr(problem.text, "Make room there"));
}

static void test_what_is_not_known_stops_nothing(void) {
        const Disk disk = { .space = failing_space };
        uint64_t size = 0, available = 0;

        CHECK_EQUAL(room_check(&disk, "/srv/primes", false, NULL), 0);
        CHECK_EQUAL(room_check(&disk_system, "/nonexistent/primes", true, NULL), 0);
        CHECK_EQUAL(disk_system.space(&disk_system, "/", &size, &available), 0);
        CHECK(size > 0 && available <= size);
}

int main(void) {
        RUN(test_the_reserve);
        RUN(test_it_stops_and_goes_on);
        RUN(test_the_sentence);
        RUN(test_what_is_not_known_stops_nothing);
        return tests_end();
}
