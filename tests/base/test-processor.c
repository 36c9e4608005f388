/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The affinity decides, not what the machine has. */

#include "base/processor.h"

#include <inttypes.h>
#include <sched.h>

#include "base/cleanup.h"
#include "test.h"

static cpu_set_t allowed; /* to this program when it began */

/* The first `n` of the allowed processors, and no other. */
static void restrict_to(int n) {
        cpu_set_t set;

        CPU_ZERO(&set);
        for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&set) < n; cpu++)
                if (CPU_ISSET(cpu, &allowed))
                        CPU_SET(cpu, &set);
        CHECK_EQUAL(sched_setaffinity(0, sizeof set, &set), 0);
}

/* The kernel's other account of it: "0-3,8". */
static unsigned count_listed(void) {
        _cleanup_fclose_ FILE *file = fopen("/proc/thread-self/status", "re");
        unsigned first, last, count = 0;
        char line[4096];

        CHECK(file);
        while (fgets(line, sizeof line, file)) {
                const char *next = line;
                int n;

                if (sscanf(next, "Cpus_allowed_list: %n%u", &n, &first) != 1)
                        continue;
                for (next += n; sscanf(next, "%u%n", &first, &n) == 1; next += *next == ',') {
                        next += n;
                        last = first;
                        if (sscanf(next, "-%u%n", &last, &n) == 1)
                                next += n;
                        count += last - first + 1;
                }
        }
        return count;
}

static void test_all_that_are_allowed(void) {
        unsigned listed = count_listed();

        CHECK(listed > 0);
        CHECK_EQUAL(processors_usable(), listed);
}

static void test_fewer_when_restricted(void) {
        for (int n = CPU_COUNT(&allowed); n > 0; n--) {
                restrict_to(n);
                CHECK_EQUAL(processors_usable(), n);
        }
}

/* Between 16 MiB and what MemTotal says, which leaves out what the kernel keeps for itself. */
static void test_memory(void) {
        _cleanup_fclose_ FILE *file = fopen("/proc/meminfo", "re");
        uint64_t kib = 0, bytes = memory_physical();
        char line[256];

        while (file && kib == 0 && fgets(line, sizeof line, file))
                (void) sscanf(line, "MemTotal: %" SCNu64, &kib);
        CHECK(bytes >= 16U << 20);
        if (kib > 0)
                CHECK(bytes / 1024 <= kib + kib / 50);
}

int main(void) {
        RUN(test_memory);
        RUN(test_all_that_are_allowed);
        if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
                RUN(test_fewer_when_restricted);
        else
                SKIP(test_fewer_when_restricted, "more processors than a cpu_set_t holds");
        return tests_end();
}
