/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Several kernels have variants for kinds of processors, all with the same results. The fastest one that works on this
 * processor is taken, unless somebody wants the others: a test, or who looks for a fault.
 */

#include <stddef.h>

#include "base/macro.h"

/* Leaves out the `n` fastest variants of each kernel, but never the last. For what is made from now on. */
void variant_leave_out(unsigned n);

unsigned variant_left_out(void);

/* Variant `i` of those in the array `kernels`, the fastest first, that work on this processor; NULL behind the last. */
#define VARIANT_AT(kernels, i)                                                                               \
        ({                                                                                                   \
                __typeof__((kernels)[0] + 0) _found = NULL;                                                  \
                size_t _left = (i);                                                                          \
                                                                                                             \
                for (size_t _k = 0; _k < ELEMENTSOF(kernels) && !_found; _k++)                               \
                        if ((kernels)[_k]->is_usable() && _left-- == 0)                                      \
                                _found = (kernels)[_k];                                                      \
                _found;                                                                                      \
        })

/* The choice among variants that `variant_at(i)` lists, the fastest first, NULL behind the last. */
#define VARIANT_CHOOSE(variant_at)                                                                           \
        ({                                                                                                   \
                size_t _i = variant_left_out();                                                              \
                                                                                                             \
                while (_i > 0 && !variant_at(_i))                                                            \
                        _i--;                                                                                \
                variant_at(_i);                                                                              \
        })
