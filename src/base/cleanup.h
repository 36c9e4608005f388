/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Ownership in one word: a local that owns something is declared with _cleanup_(), initialised on the same
 * line, and published with TAKE_PTR() or TAKE_FD().
 */

#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"

#define _cleanup_(function) __attribute__((__cleanup__(function)))
#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)

#define TAKE_PTR(pointer)                                                                                    \
        ({                                                                                                   \
                __typeof__(pointer) *_take_p = &(pointer);                                                   \
                __typeof__(pointer) _take_v = *_take_p;                                                      \
                *_take_p = NULL;                                                                             \
                _take_v;                                                                                     \
        })

#define TAKE_FD(fd)                                                                                          \
        ({                                                                                                   \
                int *_take_p = &(fd);                                                                        \
                int _take_v = *_take_p;                                                                      \
                *_take_p = -1;                                                                               \
                _take_v;                                                                                     \
        })

/* Defines `function##p(Type **)` for use with _cleanup_(). The destructor takes NULL and returns NULL. */
#define DEFINE_TRIVIAL_CLEANUP_FUNC(type, function)                                                          \
        static inline void function##p(type *p) {                                                            \
                if (*p)                                                                                      \
                        *p = function(*p);                                                                   \
        }                                                                                                    \
        struct __useless_struct_to_allow_trailing_semicolon__

static inline void freep(void *p) {
        free(*(void **) p);
}

static inline void closep(int *fd) {
        (void) fd_close(*fd);
}

static inline void fclosep(FILE **f) {
        if (*f)
                (void) fclose(*f);
}
