/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How many threads can compute at the same time. */

/* The processors that the calling thread, and what it starts, may run on (its affinity: taskset, cpusets). At least 1. */
unsigned processors_usable(void);
