/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What presieve.c shares with the variants for processors. A variant works on whole chunks. */

#include <stdbool.h>
#include <stdint.h>

#include "prime/sieve/presieve.h"

#define PRESIEVE_CHUNK 512 /* bytes of bitmap; less than the shortest period of a table */

struct PresieveKernel {
        const char *name;
        bool (*is_usable)(void);

        /* The AND of the chunks at `at`. */
        void (*fill)(const uint8_t *const at[N_PRESIEVE_TABLES], uint8_t *ret);
};

extern const PresieveKernel presieve_portable;
#if defined(__x86_64__)
extern const PresieveKernel presieve_sse2, presieve_avx2;
#endif
#if defined(__aarch64__)
extern const PresieveKernel presieve_neon;
#endif
