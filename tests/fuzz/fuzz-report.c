/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The report of a master. What is accepted can be written, and what is written is accepted and written the same way
 * again.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fuzz/fuzz.h"
#include "wire/report.h"

static void check(bool condition) {
        if (!condition)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL, *again = NULL;
        size_t text_size, again_size;
        Report report, second;

        if (size > REPORT_SIZE_MAX || report_decode((const char *) data, size, &report) < 0)
                return 0;
        check(report.from && report.to);
        check(report_encode(&report, &text, &text_size) == 0);
        check(report_decode(text, text_size, &second) == 0);
        check(report_encode(&second, &again, &again_size) == 0);
        check(again_size == text_size && memcmp(again, text, text_size) == 0);
        report_done(&report);
        report_done(&second);
        return 0;
}
