/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The few macros that every file may use. */

#include <stddef.h>

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))

#define MIN(a, b)                                                                                            \
        ({                                                                                                   \
                __typeof__(a) _min_a = (a);                                                                  \
                __typeof__(b) _min_b = (b);                                                                  \
                _min_a < _min_b ? _min_a : _min_b;                                                           \
        })
#define MAX(a, b)                                                                                            \
        ({                                                                                                   \
                __typeof__(a) _max_a = (a);                                                                  \
                __typeof__(b) _max_b = (b);                                                                  \
                _max_a > _max_b ? _max_a : _max_b;                                                           \
        })
#define CLAMP(x, low, high) MIN(MAX((x), (low)), (high))

#define _printf_(format_index, first_argument) __attribute__((__format__(printf, format_index, first_argument)))
#define _warn_unused_ __attribute__((__warn_unused_result__))
#define _sentinel_ __attribute__((__sentinel__))

/* The object that embeds `member` at `pointer`. */
#define container_of(pointer, type, member) ((type *) ((char *) (pointer) -offsetof(type, member)))
