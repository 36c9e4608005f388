/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What primed-limits did last, in PLACE_LIMITS_STATE: for its own next run, and for the scout to tell. It is gone after
 * a boot, as the limits themselves are. A JSON object:
 *
 *     loaded  true: worker.conf was applied at least once since the boot, so that limits are in force, if only none
 *     set     the properties that were set and not reverted: [ "CPUQuota", … ]
 *     text    their values: { "CPUQuota": "150%", … }
 *     error   "" or why the last run failed: "FILE:LINE: …"
 *     note    "" or which of them have no effect on this host
 */

#include <stdbool.h>

#include "base/problem.h"
#include "limits/limit.h"

typedef struct LimitsState {
        bool loaded;
        bool set[LIMIT_KINDS];
        char text[LIMIT_KINDS][LIMIT_TEXT_MAX]; /* of those that are set */
        char error[sizeof((Problem *) NULL)->text];
        char note[LIMIT_TEXT_MAX];
} LimitsState;

/* A file that is missing or damaged is an empty state: what it may have told is set again. 0; negative errno with a
 * sentence when it cannot be read. */
int limits_state_load(const char *path, LimitsState *ret, Problem *problem);
int limits_state_save(const char *path, const LimitsState *state, Problem *problem);
