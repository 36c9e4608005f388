/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The whole test framework. A test program is a list of claims:
 *
 *         static void test_frame_rejects_long(void) { CHECK(frame_parse(…) == -EMSGSIZE); }
 *
 *         int main(void) {
 *                 RUN(test_frame_rejects_long);
 *                 return tests_end();
 *         }
 *
 * It speaks TAP, so `meson test` counts every claim. A failed CHECK prints the place and the values and ends the
 * program at once: a later claim may rest on an earlier one.
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tests_run;
static const char *tests_current = "";

#define CHECK(condition)                                                                                     \
        do {                                                                                                 \
                if (!(condition)) {                                                                          \
                        printf("# %s:%d: %s: failed: %s\nnot ok %d - %s\n", __FILE__, __LINE__, __func__,    \
                               #condition, ++tests_run, tests_current);                                      \
                        fflush(stdout);                                                                      \
                        exit(1);                                                                             \
                }                                                                                            \
        } while (0)

#define CHECK_EQUAL(a, b)                                                                                    \
        do {                                                                                                 \
                long long _check_a = (long long) (a), _check_b = (long long) (b);                            \
                if (_check_a != _check_b) {                                                                  \
                        printf("# %s:%d: %s = %lld, %s = %lld\n", __FILE__, __LINE__, #a, _check_a, #b,      \
                               _check_b);                                                                    \
                        CHECK(_check_a == _check_b);                                                         \
                }                                                                                            \
        } while (0)

#define CHECK_STRING(a, b)                                                                                   \
        do {                                                                                                 \
                const char *_check_a = (a), *_check_b = (b);                                                 \
                if (strcmp(_check_a, _check_b) != 0) {                                                       \
                        printf("# %s:%d: '%s' differs from '%s'\n", __FILE__, __LINE__, _check_a, _check_b); \
                        CHECK(strcmp(_check_a, _check_b) == 0);                                              \
                }                                                                                            \
        } while (0)

#define RUN(function)                                                                                        \
        do {                                                                                                 \
                tests_current = #function;                                                                   \
                function();                                                                                  \
                printf("ok %d - %s\n", ++tests_run, #function);                                              \
                fflush(stdout);                                                                              \
        } while (0)

#ifdef __has_feature
#define TEST_HAS_FEATURE(feature) __has_feature(feature)
#else
#define TEST_HAS_FEATURE(feature) 0
#endif

/* How many times slower the build makes what is tested. */
#if defined(__SANITIZE_THREAD__) || TEST_HAS_FEATURE(thread_sanitizer)
#define TEST_WITH_THREAD_SANITIZER 1
#define TEST_SLOWNESS 20
#elif defined(__SANITIZE_ADDRESS__) || TEST_HAS_FEATURE(address_sanitizer)
#define TEST_WITH_THREAD_SANITIZER 0
#define TEST_SLOWNESS 4
#else
#define TEST_WITH_THREAD_SANITIZER 0
#define TEST_SLOWNESS 1
#endif

/* How long something may take, in microseconds, that takes at most so many seconds in an ordinary build. */
#define TEST_PATIENCE(seconds) ((usec_t) ((seconds) * TEST_SLOWNESS * USEC_PER_SEC))

/* A claim that this machine cannot check: the reason is shown by `check`. */
#define SKIP(function, reason)                                                                               \
        do {                                                                                                 \
                printf("ok %d - %s # SKIP %s\n", ++tests_run, #function, reason);                            \
        } while (0)

static inline int tests_end(void) {
        printf("1..%d\n", tests_run);
        return 0;
}
