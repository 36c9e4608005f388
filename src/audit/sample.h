/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The second check of a result: some of the numbers that it calls prime, and some of those that it calls composite,
 * are tested here. Which ones, nobody knows before. It finds a worker that guesses, or leaves steps of the work out,
 * with the first block; a single wrong bit it finds rarely.
 *
 * Nobody is accused wrongly: a number is called composite when it fails a strong test, and prime when it passes the
 * tests that the certainty of its place asks for (proved below 2^64, Baillie-PSW above).
 */

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "base/random.h"
#include "prime/grid.h"
#include "prime/test/bpsw.h"

/* Numbers of more bits are not tested: a test takes too long for somebody who serves others meanwhile. */
#define SAMPLE_BITS_MAX 2048

typedef struct Sampler {
        Random random;
        Bpsw bpsw;
        mpz_t number;
} Sampler;

/* The positions are drawn from the system's randomness. 0 or negative errno; to be given to sampler_done() in both. */
int sampler_init(Sampler *sampler);
void sampler_done(Sampler *sampler);

/* How many of either kind are tested in a block whose numbers have so many bits; 0 above SAMPLE_BITS_MAX. */
unsigned sampler_budget(size_t n_bits);

/* Numbers that another check has covered: their bits, at byte `index` of the block. */
typedef uint8_t (*SampleCovered)(const void *userdata, size_t index);

/*
 * The bitmap of a block whose shape is right. 0, or -EBADMSG with a sentence that names a number. `on_covered` may be
 * NULL. Claimed primes whose bit is covered are tested all the same.
 */
int sampler_check(Sampler *sampler, const mpz_t start, const GridBlock *block, const uint8_t *bitmap,
                  SampleCovered on_covered, const void *userdata, Problem *problem);
