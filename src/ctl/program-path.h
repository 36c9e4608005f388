/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/problem.h"

/*
 * Where the program `name` (primed-master, primed-worker) lies: in the build tree when this program runs from
 * there, else where it was installed. The caller frees `*ret`. -ENOENT with a sentence.
 */
int program_path_find(const char *name, char **ret, Problem *problem);
