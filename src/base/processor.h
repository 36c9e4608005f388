/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How many threads can compute at the same time. */

/* On so many processors the calling thread, and what it starts, may run (taskset, cpusets). At least 1. */
unsigned processors_usable(void);

/* The machine has so many, whoever may run on them. At least processors_usable(). */
unsigned processors_online(void);
