/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One word of two. */

#include "ctl/certainty-option.h"

#include "base/log.h"

int option_certainty(const char *value, Certainty *ret) {
        int r = certainty_parse(value, ret);

        if (r < 0)
                log_error("--certainty=%s: give \"proved\" or \"bpsw\".", value);
        return r;
}
