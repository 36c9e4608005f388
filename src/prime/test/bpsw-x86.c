/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Baillie-PSW on x86-64 with BMI2: Haswell, Zen and younger. The tests are those of bpsw-ladders.h. Below 2^64 the
 * products are the compiler's; above, montgomery128-x86.h has them in assembler with mulx, and says why.
 */

#if defined(__x86_64__)

#include "prime/test/limb-int128.h"
#include "prime/test/montgomery128-x86.h"

#include "prime/test/bpsw-ladders.h"

static bool is_usable(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("bmi2");
}

const BpswKernel bpsw_x86 = BPSW_KERNEL("x86-bmi2");

#endif
