/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Time in microseconds. */

#include "base/clock.h"

#include <time.h>

static usec_t clock_read(clockid_t id) {
        struct timespec now;

        if (clock_gettime(id, &now) < 0)
                return 0;
        return (usec_t) now.tv_sec * USEC_PER_SEC + (usec_t) now.tv_nsec / 1000;
}

usec_t clock_now_usec(void) {
        return clock_read(CLOCK_BOOTTIME);
}

usec_t clock_realtime_usec(void) {
        return clock_read(CLOCK_REALTIME);
}

usec_t clock_thread_cpu_usec(void) {
        return clock_read(CLOCK_THREAD_CPUTIME_ID);
}
