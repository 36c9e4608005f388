/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The list of the kernels, from the fastest down. What they compute and in which order is in bpsw-ladders.h, for all
 * but the first, which is explained in ifma-groups.h; how they multiply is in the headers that each file includes. The
 * portable one, the last, needs nothing but C, is always usable, and is what the others are compared with.
 */

#include "prime/test/bpsw-kernel.h"

#include "prime/variant.h"

static const BpswKernel *const kernels[] = {
#if defined(__x86_64__)
        &bpsw_ifma, &bpsw_x86,
#endif
#ifdef __SIZEOF_INT128__
        &bpsw_int128,
#endif
        &bpsw_portable,
};

const BpswKernel *bpsw_kernel(size_t i) {
        return VARIANT_AT(kernels, i);
}
