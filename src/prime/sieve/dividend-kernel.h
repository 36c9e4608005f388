/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What dividend.c shares with the variants for processors, which get multiples of 8 primes, all of them valid. */

#include <stdbool.h>

#include "prime/sieve/dividend.h"

struct LocateKernel {
        const char *name;
        bool (*is_usable)(void);
        void (*locate)(const Dividend *dividend, const uint64_t *primes, size_t n, uint64_t *ret_remainders,
                       uint32_t *ret_phases);
};

extern const LocateKernel locate_portable;
#if defined(__x86_64__)
extern const LocateKernel locate_avx2;
#endif
