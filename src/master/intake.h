/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What happens to a block that arrives: it is checked, entered into the plan, and put into the store. */

#include "audit/shape.h"
#include "master/master-job.h"
#include "plan/plan.h"
#include "wire/message.h"

typedef enum IntakeOutcome {
        INTAKE_STORED,  /* new: durable with the next commit */
        INTAKE_KNOWN,   /* the same block is stored already */
        INTAKE_DIFFERS, /* another block is stored already; that one stays */
        INTAKE_REFUSED, /* it is not what it says it is */
        INTAKE_FAILED,  /* the disk did not take it; the block is open again */
} IntakeOutcome;

/* `problem` is filled for REFUSED, DIFFERS and FAILED; `ret_error` (negative errno) for FAILED. */
IntakeOutcome intake_block(Auditor *auditor, Plan *plan, MasterJob *job, uint64_t worker, const MessageBlock *block,
                           usec_t now, int *ret_error, Problem *problem);
