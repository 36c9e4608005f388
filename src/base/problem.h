/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What went wrong, for the person who has to mend it.
 *
 * A library function that meets bad input fills a Problem with one sentence that names the place and the cure,
 * and returns negative errno. The program prints the sentence once. Without a failure the Problem is untouched.
 */

#include "base/macro.h"

typedef struct Problem {
        char text[1024]; /* one sentence without a newline; empty as long as nothing was said */
} Problem;

#define PROBLEM_NONE ((Problem) { .text = "" })

/*
 * Writes the sentence and returns -|error|. `problem` may be NULL. "%m" in the format stands for the text of
 * |error|. The first sentence stays: the function nearest to the fault knows it best.
 */
int problem_set(Problem *problem, int error, const char *format, ...) _printf_(3, 4);
