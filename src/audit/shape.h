/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The checks of a result before it is taken. First its shape, at memory speed: is it what it says it is? That finds
 * truncated, empty, exchanged and damaged blocks and noise. Then samples (audit/sample.h), which find who guesses.
 * Neither is sure to find a single wrong bit of a liar.
 */

#include <stdint.h>

#include "base/checksum.h"
#include "base/problem.h"
#include "prime/certainty.h"
#include "prime/grid.h"
#include "prime/pack.h"
#include "prime/sieve/run.h"

typedef struct Claim {
        uint64_t sequence;
        PackCodec codec;
        Certainty asked; /* by the job; 0: what the place gives */
        Certainty certainty;
        uint64_t count;
        const uint8_t *digest; /* SHA256_SIZE bytes */
        const uint8_t *packed;
        size_t packed_size;
} Claim;

/* Memory and state for checking; one per thread. */
typedef struct Auditor Auditor;

Auditor *auditor_new(void); /* NULL when out of memory */
Auditor *auditor_free(Auditor *auditor);

/*
 * Unpacks the block into the auditor's memory and compares: exact length, digest, count, the certainty of this job and
 * place in the grid, no bit outside of the job, no multiple of a prime below 32, a plausible number of primes. 0;
 * -EBADMSG or -ERANGE with a sentence.
 */
int auditor_check_shape(Auditor *auditor, const Grid *grid, const Claim *claim, Problem *problem);

/* Of the block that passed auditor_check_shape() last. 0 or -EBADMSG with a sentence. */
int auditor_check_samples(Auditor *auditor, const Grid *grid, uint64_t sequence, Problem *problem);

/* The word for what is checked of a block at this place: "shape+sampled", or "shape" where numbers are too long. */
const char *audit_checks(const Grid *grid, uint64_t sequence);

/* The bitmap of the block that was checked last, with success; good until the next check. */
const uint8_t *auditor_bitmap(const Auditor *auditor);
