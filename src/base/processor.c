/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The processors in a thread's affinity.
 *
 * The kernel refuses a set that is smaller than its own, whose size it does not tell; a plain cpu_set_t ends at 1,024
 * processors. So larger sets are tried until one is large enough.
 */

#include "base/processor.h"

#include <errno.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/macro.h"

#define PROCESSORS_MAX (1u << 20) /* no kernel is built for so many */

/* With a set of `n_processors`; -EINVAL: the set is too small. */
static int count_allowed(unsigned n_processors) {
        size_t size = CPU_ALLOC_SIZE(n_processors);
        cpu_set_t *set = CPU_ALLOC(n_processors);
        int r;

        if (!set)
                return -ENOMEM;
        r = sched_getaffinity(0, size, set) < 0 ? -errno : CPU_COUNT_S(size, set);
        CPU_FREE(set);
        return r;
}

unsigned processors_usable(void) {
        int r = -EINVAL;

        for (unsigned n = CPU_SETSIZE; r == -EINVAL && n <= PROCESSORS_MAX; n *= 2)
                r = count_allowed(n);
        return r > 0 ? (unsigned) r : 1;
}

unsigned processors_online(void) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        unsigned usable = processors_usable();

        return n > (long) usable ? (unsigned) n : usable;
}

uint64_t memory_physical(void) {
        struct sysinfo info;

        if (sysinfo(&info) < 0)
                return 0;
        return MIN((uint64_t) info.totalram * info.mem_unit, (uint64_t) SIZE_MAX);
}
