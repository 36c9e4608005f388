/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Baillie-PSW on 64-bit machines: the tests of bpsw-ladders.h on the products of montgomery128-plain.h, whose words
 * are multiplied with the 128-bit integers of the compiler. That is one instruction on x86-64 and s390x, two on
 * aarch64 (mul and umulh). It is the fastest kernel except on x86-64 with BMI2.
 */

#ifdef __SIZEOF_INT128__

#include "prime/test/limb-int128.h"
#include "prime/test/montgomery128-plain.h"

#include "prime/test/bpsw-ladders.h"

static bool is_usable(void) {
        return true;
}

const BpswKernel bpsw_int128 = BPSW_KERNEL("int128");

#endif
