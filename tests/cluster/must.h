/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the simulator takes for granted: memory, and that the plan does not refuse a sensible call. Unlike assert(), it
 * is evaluated in every build, so the condition may be the call itself.
 */

#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                                      \
        do {                                                                                                 \
                if (!(condition)) {                                                                          \
                        printf("Bail out! %s:%d: %s: failed: %s\n", __FILE__, __LINE__, __func__,            \
                               #condition);                                                                  \
                        fflush(stdout);                                                                      \
                        abort();                                                                             \
                }                                                                                            \
        } while (0)
