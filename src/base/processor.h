/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How many threads can compute at the same time, and how much memory there is. */

#include <stdint.h>

/* On so many processors the calling thread, and what it starts, may run (taskset, cpusets). At least 1. */
unsigned processors_usable(void);

/* The machine has so many, whoever may run on them. At least processors_usable(). */
unsigned processors_online(void);

/* Bytes of memory that the machine has, at most what a process can address; 0: it does not tell. */
uint64_t memory_physical(void);
