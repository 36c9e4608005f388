/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of this folder share: the body of a Plan. Nobody outside includes it. */

#include "base/random.h"
#include "plan/backlog.h"
#include "plan/plan.h"
#include "plan/revocation.h"
#include "plan/roster.h"

struct Plan {
        PlanSettings settings;
        Random random;
        Backlog **backlogs; /* in the order in which they were added */
        size_t n_backlogs, n_allocated;
        Roster roster;
        Revocations revocations;
        double pass; /* of the job that was chosen last: where a new job begins */

        uint64_t generation;
        usec_t retry_usec; /* a waiting lane should ask again then; USEC_INFINITY: none waits for the time */
        usec_t deferred_usec; /* when a lane was last passed over for a faster one */
        usec_t expiry_usec;   /* nothing can expire before */
};

/* The settings' memory of speeds. */
static inline usec_t plan_memory_usec(const Plan *plan) {
        return 2 * plan->settings.lease_target_usec;
}
