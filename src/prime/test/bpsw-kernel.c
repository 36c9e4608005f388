/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The choice of the kernel, from the fastest down; the portable one, the last, is always usable. */

#include "prime/test/bpsw-kernel.h"

#include <stdatomic.h>

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

const BpswKernel *bpsw_kernel_at(size_t i) {
        for (size_t k = 0; k < ELEMENTSOF(kernels); k++)
                if (kernels[k]->is_usable() && i-- == 0)
                        return kernels[k];
        return NULL;
}

const BpswKernel *bpsw_kernel(void) {
        static _Atomic(const BpswKernel *) chosen;
        const BpswKernel *kernel = atomic_load_explicit(&chosen, memory_order_relaxed);

        if (!kernel) {
                kernel = bpsw_kernel_at(0);
                atomic_store_explicit(&chosen, kernel, memory_order_relaxed);
        }
        return kernel;
}
