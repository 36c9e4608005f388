/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How many threads can compute at the same time, and on what; and how much memory there is. */

#include <stdbool.h>
#include <stdint.h>

#define PROCESSOR_MODEL_SIZE 200

/* On so many processors the calling thread, and what it starts, may run (taskset, cpusets). At least 1. */
unsigned processors_usable(void);

/* The machine has so many, whoever may run on them. At least processors_usable(). */
unsigned processors_online(void);

/* Bytes of memory that the machine has, at most what a process can address; 0: it does not tell. */
uint64_t memory_physical(void);

/*
 * What /proc/cpuinfo says of the model of the first processor, in one line without control characters: "AuthenticAMD
 * 25 1 AMD EPYC 7763 64-Core Processor 1", "0x41 8 0x0 0xd08 3". Never empty.
 */
void processor_model(char ret[static PROCESSOR_MODEL_SIZE]);

/* The same from the text of such a file; false, and an empty string, if it says nothing. */
bool processor_model_from(const char *text, char ret[static PROCESSOR_MODEL_SIZE]);
