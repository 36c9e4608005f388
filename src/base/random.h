/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A small seeded generator (xoshiro256**, Blackman and Vigna 2018), for schedules and tests, never for secrets. */

#include <stdint.h>

typedef struct Random {
        uint64_t state[4];
} Random;

/* Equal seeds give equal sequences, on every machine. */
void random_init(Random *random, uint64_t seed);

uint64_t random_u64(Random *random);

/* Uniform in [0, bound); 0 when bound is 0. */
uint64_t random_below(Random *random, uint64_t bound);

/* Uniform in [0, 1). */
double random_unit(Random *random);
