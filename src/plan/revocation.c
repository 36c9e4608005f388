/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A queue of revocations in one array. */

#include "plan/revocation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

void revocations_done(Revocations *revocations) {
        free(revocations->items);
        *revocations = (Revocations) {};
}

static bool revocation_extend(PlanRevocation *last, const PlanRevocation *next) {
        if (last->worker != next->worker || last->job != next->job)
                return false;
        if (next->first > last->end || last->first > next->end)
                return false;

        last->first = MIN(last->first, next->first);
        last->end = MAX(last->end, next->end);
        return true;
}

int revocations_push(Revocations *revocations, const PlanRevocation *revocation) {
        if (revocations->end > revocations->first &&
            revocation_extend(revocations->items + revocations->end - 1, revocation))
                return 0;

        if (revocations->end == revocations->n_allocated && revocations->first > 0) {
                memmove(revocations->items, revocations->items + revocations->first,
                        (revocations->end - revocations->first) * sizeof *revocations->items);
                revocations->end -= revocations->first;
                revocations->first = 0;
        }
        if (revocations->end == revocations->n_allocated) {
                size_t n = revocations->n_allocated * 2 + 8;
                PlanRevocation *grown = reallocarray(revocations->items, n, sizeof *grown);

                if (!grown)
                        return -ENOMEM;
                revocations->items = grown;
                revocations->n_allocated = n;
        }
        revocations->items[revocations->end++] = *revocation;
        return 0;
}

bool revocations_pop(Revocations *revocations, PlanRevocation *ret) {
        if (revocations->first == revocations->end)
                return false;

        *ret = revocations->items[revocations->first++];
        if (revocations->first == revocations->end)
                revocations->first = revocations->end = 0;
        return true;
}

void revocations_forget_worker(Revocations *revocations, uint64_t worker) {
        size_t kept = revocations->first;

        for (size_t i = revocations->first; i < revocations->end; i++)
                if (revocations->items[i].worker != worker)
                        revocations->items[kept++] = revocations->items[i];
        revocations->end = kept;
}
