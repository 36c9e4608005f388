/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* --certainty= of the verbs that begin a job. */

#include "prime/certainty.h"

/* 0; -EINVAL after one line that says what to write. */
int option_certainty(const char *value, Certainty *ret);
