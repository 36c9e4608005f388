/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Baillie-PSW on any machine, 32-bit ones as well: the tests of bpsw-ladders.h on the products of
 * montgomery128-plain.h, whose words are multiplied in halves (limb-portable.h). It is the reference for the other
 * kernels.
 */

#include "prime/test/limb-portable.h"
#include "prime/test/montgomery128-plain.h"

#include "prime/test/bpsw-ladders.h"

static bool is_usable(void) {
        return true;
}

const BpswKernel bpsw_portable = BPSW_KERNEL("portable");
