/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The reports of a worker on the handover channel. What is accepted can be written, fits into a datagram, and is
 * accepted and written the same way again.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fuzz/fuzz.h"
#include "wire/handover.h"

static void check(bool condition) {
        if (!condition)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL, *again = NULL;
        size_t text_size, again_size;
        HandoverReport report, second;

        if (handover_decode((const char *) data, size, &report) < 0)
                return 0;
        check(handover_encode(&report, &text, &text_size) == 0);
        check(text_size <= HANDOVER_SIZE_MAX);
        check(handover_decode(text, text_size, &second) == 0);
        check(handover_encode(&second, &again, &again_size) == 0);
        check(again_size == text_size && memcmp(again, text, text_size) == 0);
        return 0;
}
