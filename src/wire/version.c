/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Versions of the protocol. */

#include "wire/version.h"

#include <errno.h>
#include <stdio.h>

#include "base/macro.h"

int version_pick(uint16_t a_min, uint16_t a_max, uint16_t b_min, uint16_t b_max, uint16_t *ret) {
        uint16_t low = MAX(a_min, b_min), high = MIN(a_max, b_max);

        if (low > high)
                return -EPROTONOSUPPORT;
        *ret = high;
        return 0;
}

int version_negotiate(const MessageHello *hello, uint16_t *ret) {
        return version_pick(WIRE_VERSION_MIN, WIRE_VERSION_MAX, hello->version_min, hello->version_max, ret);
}

void version_explain(const MessageHello *hello, char ret[static WIRE_REASON_MAX + 1]) {
        uint16_t ours = WIRE_VERSION_MAX;
        const char *cure = hello->version_min > ours ? "update primed on the master's host" :
                                                       "update primed on the worker's host";

        (void) snprintf(ret, WIRE_REASON_MAX + 1,
                        "worker %s (%s) speaks protocol versions %u to %u, the master %u to %u: %s",
                        hello->name, hello->program[0] ? hello->program : "unknown program",
                        hello->version_min, hello->version_max, WIRE_VERSION_MIN, WIRE_VERSION_MAX, cure);
}
