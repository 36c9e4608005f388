/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernels, from the fastest down; the portable one, the last, is always usable. */

#include "prime/test/bpsw-kernel.h"

#include "base/macro.h"

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
        for (size_t k = 0; k < ELEMENTSOF(kernels); k++)
                if (kernels[k]->is_usable() && i-- == 0)
                        return kernels[k];
        return NULL;
}
