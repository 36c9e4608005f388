/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Several kernels have variants for kinds of processors, all with the same results. The fastest one that works on this
 * processor is taken, unless somebody wants the others: a test, or who looks for a fault.
 */

#include <stddef.h>

/* Leaves out the `n` fastest variants of each kernel, but never the last. For what is made from now on. */
void variant_leave_out(unsigned n);

unsigned variant_left_out(void);

/* The choice among variants that `variant_at(i)` lists, the fastest first, NULL behind the last. */
#define VARIANT_CHOOSE(variant_at)                                                                           \
        ({                                                                                                   \
                size_t _i = variant_left_out();                                                              \
                                                                                                             \
                while (_i > 0 && !variant_at(_i))                                                            \
                        _i--;                                                                                \
                variant_at(_i);                                                                              \
        })
