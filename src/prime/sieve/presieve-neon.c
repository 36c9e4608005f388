/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The pre-sieve on aarch64, by NEON, which every such processor has. presieve.c explains what is computed: the AND of
 * 17 windows into tables. The order of the loops is what counts here. Eight vectors of 16 bytes are begun at once and
 * go through all tables before anything is written; so each byte is stored once and not 17 times, and the eight do not
 * wait for each other. The loads need no alignment: a window begins at any byte of its table. A chunk of 512 bytes is
 * four turns, and each table goes on for a chunk behind its period, so nothing is read beyond its end.
 *
 * primesieve has such code for the same processors (Kim Walisch, "PreSieve").
 */

#if defined(__aarch64__)

#include <arm_neon.h>

#include "prime/sieve/presieve-kernel.h"

#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define LOAD(t, i) vld1q_u8(at[t] + done + 16 * (i))
#define FIRST(i) uint8x16_t v##i = LOAD(0, i);
#define NEXT(i) v##i = vandq_u8(v##i, LOAD(t, i));
#define LAST(i) vst1q_u8(ret + done + 16 * (i), v##i);

static void fill_neon(const uint8_t *const at[N_PRESIEVE_TABLES], uint8_t *ret) {
        for (unsigned done = 0; done < PRESIEVE_CHUNK; done += 8 * 16) {
                EACH(FIRST)
                for (unsigned t = 1; t < N_PRESIEVE_TABLES; t++) {
                        EACH(NEXT)
                }
                EACH(LAST)
        }
}

static bool always(void) {
        return true;
}

const PresieveKernel presieve_neon = { .name = "neon", .is_usable = always, .fill = fill_neon };

#endif
