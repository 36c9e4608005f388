/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The choice among the variants of kernels. */

#include "prime/variant.h"

#include <stdatomic.h>

static atomic_uint n_left_out;

void variant_leave_out(unsigned n) {
        atomic_store(&n_left_out, n);
}

unsigned variant_left_out(void) {
        return atomic_load_explicit(&n_left_out, memory_order_relaxed);
}
