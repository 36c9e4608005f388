/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way of a block from the wire into the store. */

#include "master/intake.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* The plan says that this block is there already: is it the same? */
static IntakeOutcome intake_compare(const MasterJob *job, const MessageBlock *block, Problem *problem) {
        if (store_has_digest(job->store, block->sequence, block->digest) != 0)
                return INTAKE_KNOWN;
        (void) problem_set(problem, EBADMSG,
                           "block %" PRIu64 " differs from the one that was stored before; one of the two is wrong",
                           block->sequence);
        return INTAKE_DIFFERS;
}

IntakeOutcome intake_block(Auditor *auditor, Plan *plan, MasterJob *job, uint64_t worker, const MessageBlock *block,
                           usec_t now, int *ret_error, Problem *problem) {
        const Claim claim = {
                .sequence = block->sequence,
                .codec = block->codec,
                .asked = job->certainty,
                .certainty = block->certainty,
                .count = block->count,
                .digest = block->digest,
                .packed = block->packed.data,
                .packed_size = block->packed.size,
        };
        StoreBlock stored = {
                .sequence = block->sequence,
                .codec = block->codec,
                .certainty = block->certainty,
                .count = block->count,
                .packed = block->packed.data,
                .packed_size = block->packed.size,
        };
        PlanVerdict verdict;
        int r;

        if (auditor_check_shape(auditor, &job->grid, &claim, problem) < 0 ||
            auditor_check_samples(auditor, &job->grid, block->sequence, problem) < 0)
                return INTAKE_REFUSED;

        r = plan_result(plan, worker, job->id, block->sequence, now, &verdict);
        if (r >= 0 && verdict == PLAN_RESULT_KNOWN)
                return intake_compare(job, block, problem);
        if (r >= 0 && verdict == PLAN_RESULT_NEW) {
                memcpy(stored.digest, block->digest, sizeof stored.digest);
                stored.bitmap = auditor_bitmap(auditor);
                r = store_put(job->store, &stored, problem);
                if (r == -EALREADY)
                        return INTAKE_KNOWN;
                if (r >= 0)
                        r = interval_set_add(&job->uncommitted, block->sequence, block->sequence + 1);
                if (r >= 0)
                        return INTAKE_STORED;
                (void) plan_job_lose(plan, job->id, block->sequence, block->sequence + 1);
        } else if (r >= 0)
                r = -ENOENT;
        *ret_error = problem_set(problem, r, "Block %" PRIu64 " cannot be stored: %m", block->sequence);
        return INTAKE_FAILED;
}
