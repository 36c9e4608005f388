/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The first check of a result, at memory speed: is it what it says it is? It finds truncated, empty, exchanged and
 * damaged blocks and noise; it does not find a single wrong bit of a liar.
 */

#include <stdint.h>

#include "base/checksum.h"
#include "base/problem.h"
#include "prime/grid.h"
#include "prime/pack.h"
#include "prime/sieve/run.h"

typedef struct Claim {
        uint64_t sequence;
        PackCodec codec;
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
 * Unpacks the block into the auditor's memory and compares: exact length, digest, count, certainty of this place
 * in the grid, no bit outside of the job, no multiple of 7, 11 or 13. 0; -EBADMSG or -ERANGE with a sentence.
 */
int auditor_check_shape(Auditor *auditor, const Grid *grid, const Claim *claim, Problem *problem);

/* The bitmap of the block that was checked last, with success; good until the next check. */
const uint8_t *auditor_bitmap(const Auditor *auditor);
