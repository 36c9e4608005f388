/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the workers should still be told, in order. Neighbouring stretches become one. */

#include <stdbool.h>
#include <stddef.h>

#include "plan/plan.h"

typedef struct Revocations {
        PlanRevocation *items;
        size_t first, end, n_allocated; /* the live ones are items[first, end) */
} Revocations;

void revocations_done(Revocations *revocations);

/* -ENOMEM: nothing changed. */
int revocations_push(Revocations *revocations, const PlanRevocation *revocation);
bool revocations_pop(Revocations *revocations, PlanRevocation *ret);

/* The worker has left: it need not be told. */
void revocations_forget_worker(Revocations *revocations, uint64_t worker);
