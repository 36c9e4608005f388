/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Baillie-PSW on 64-bit machines. */

#ifdef __SIZEOF_INT128__

#include "prime/test/limb-int128.h"
#include "prime/test/montgomery128-plain.h"

#include "prime/test/bpsw-ladders.h"

static bool is_usable(void) {
        return true;
}

const BpswKernel bpsw_int128 = BPSW_KERNEL("int128");

#endif
