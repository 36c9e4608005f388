/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verbs next and prev, which differ in their direction. */

#include <stdbool.h>

/* Prints the primes above the number on the command line in ascending order, or those below in descending order. */
int neighbours_run(const char *name, void (*help)(void), bool above, int argc, char *argv[]);
