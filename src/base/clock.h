/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Time. Microseconds everywhere; the algorithms take it as an argument and never ask here. */

#include <stdint.h>

typedef uint64_t usec_t;

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)
#define USEC_INFINITY UINT64_MAX

/* Never goes back; counts through suspend (CLOCK_BOOTTIME), so that leases expire in wall time. */
usec_t clock_now_usec(void);

/* Unix time, for people and provenance only. */
usec_t clock_realtime_usec(void);

/* CPU time of the calling thread. */
usec_t clock_thread_cpu_usec(void);
