/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Baillie-PSW below 2^128 for many numbers at once. A step of one test waits for the step before it, which keeps
 * a processor busy for a third of the time; so several numbers of equal size are tested in lockstep.
 *
 * The kernels differ in how they multiply; all give the same answers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prime/test/number128.h"

/* What a call may be given at once. */
#define BPSW_BATCH_MAX 64

typedef struct BpswKernel {
        const char *name;
        bool (*is_usable)(void);

        /*
         * Whether each of 1 … BPSW_BATCH_MAX odd numbers passes the strong test to base 2. Numbers of equal size
         * in bits are the fastest, multiples of n_lanes. For 64: 3 <= n < 2^64, for 128: 2^64 < n < 2^128.
         */
        void (*strong64)(const uint64_t *numbers, size_t n_numbers, bool *ret_passed);
        void (*strong128)(const Number128 *numbers, size_t n_numbers, bool *ret_passed);

        /* The same for the extra strong Lucas test (lucas.h). */
        void (*lucas64)(const uint64_t *numbers, size_t n_numbers, bool *ret_passed);
        void (*lucas128)(const Number128 *numbers, size_t n_numbers, bool *ret_passed);

        /* Whether one odd number, 2^64 < n < 2^128, passes the strong test to each of the bases 1 < base < 2^64. */
        bool (*strong128_bases)(Number128 n, const uint64_t *bases, size_t n_bases);

        /* base^((n - 1) / 2) modulo the same for each base: 1, -1, or 0 for all else. */
        void (*euler128)(Number128 n, const uint64_t *bases, size_t n_bases, int *ret);
} BpswKernel;

/* Variant `i` of those that work on this processor, the fastest first; NULL behind the last, the portable one. */
const BpswKernel *bpsw_kernel(size_t i);

extern const BpswKernel bpsw_portable;
#ifdef __SIZEOF_INT128__
extern const BpswKernel bpsw_int128;
#endif
#if defined(__x86_64__)
extern const BpswKernel bpsw_x86;  /* with mulx */
extern const BpswKernel bpsw_ifma; /* with AVX-512 IFMA, sixteen numbers at once */
#endif
