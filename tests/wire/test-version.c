/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which version two programs speak. */

#include <errno.h>

#include "base/macro.h"
#include "base/utf8.h"
#include "test.h"
#include "wire/version.h"

static void test_pick_the_highest_common(void) {
        for (uint16_t a_min = 0; a_min < 8; a_min++)
                for (uint16_t a_max = a_min; a_max < 8; a_max++)
                        for (uint16_t b_min = 0; b_min < 8; b_min++)
                                for (uint16_t b_max = b_min; b_max < 8; b_max++) {
                                        uint16_t version = 99;
                                        int best = -1, r;

                                        for (int v = 0; v < 8; v++)
                                                if (v >= a_min && v <= a_max && v >= b_min && v <= b_max)
                                                        best = v;
                                        r = version_pick(a_min, a_max, b_min, b_max, &version);
                                        CHECK_EQUAL(r, best < 0 ? -EPROTONOSUPPORT : 0);
                                        CHECK_EQUAL(version, best < 0 ? 99 : best);
                                }
}

static void test_negotiate_with_ourselves(void) {
        MessageHello hello = { .version_min = WIRE_VERSION_MIN, .version_max = WIRE_VERSION_MAX };
        uint16_t version = 99;

        CHECK_EQUAL(version_negotiate(&hello, &version), 0);
        CHECK_EQUAL(version, WIRE_VERSION_MAX);
        hello.version_max = UINT16_MAX; /* a newer worker that still knows ours */
        CHECK_EQUAL(version_negotiate(&hello, &version), 0);
        CHECK_EQUAL(version, WIRE_VERSION_MAX);
}

static void test_sentence_names_the_side_to_update(void) {
        MessageHello hello = {
                .version_min = WIRE_VERSION_MAX + 2, .version_max = WIRE_VERSION_MAX + 3,
                .name = "host", .program = "primed-worker 9.0",
        };
        char reason[WIRE_REASON_MAX + 1];
        uint16_t version = 99;

        CHECK_EQUAL(version_negotiate(&hello, &version), -EPROTONOSUPPORT);
        CHECK_EQUAL(version, 99);
        version_explain(&hello, reason);
        CHECK(strstr(reason, "worker host (primed-worker 9.0) speaks protocol versions 2 to 3"));
        CHECK(strstr(reason, "update primed on the master's host"));

        memset(hello.name, 'x', WIRE_NAME_MAX);
        memset(hello.program, 'y', WIRE_NAME_MAX);
        version_explain(&hello, reason);
        CHECK(strlen(reason) < WIRE_REASON_MAX && utf8_is_plain(reason, strlen(reason)));
}

int main(void) {
        RUN(test_pick_the_highest_common);
        RUN(test_negotiate_with_ourselves);
        RUN(test_sentence_names_the_side_to_update);
        return tests_end();
}
