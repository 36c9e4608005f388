/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A handover report arrives as it was sent, whatever is in it, and nothing else is taken for one. */

#include "wire/handover.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "test.h"

#define ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static HandoverReport sample(HandoverEvent event) {
        return (HandoverReport) {
                .event = event,
                .master_id = ID,
                .master_name = "höst \"1\"",
                .reason = "the job is finished",
                .threads_asked = 3,
                .threads_allowed = 4,
                .threads_applied = UINT16_MAX,
                .note = "on battery",
        };
}

static void test_round_trip(void) {
        for (unsigned event = 0; event < _HANDOVER_EVENT_MAX; event++) {
                HandoverReport report = sample((HandoverEvent) event), copy;
                _cleanup_free_ char *text = NULL;
                size_t size;

                memset(&copy, 0xff, sizeof copy);
                CHECK(handover_encode(&report, &text, &size) == 0);
                CHECK(handover_decode(text, size, &copy) == 0);
                CHECK(copy.event == report.event);
                CHECK_STRING(copy.master_id, ID);
                CHECK_STRING(copy.master_name, report.master_name);
                CHECK_STRING(copy.reason, report.reason);
                CHECK_EQUAL(copy.threads_asked, 3);
                CHECK_EQUAL(copy.threads_allowed, 4);
                CHECK_EQUAL(copy.threads_applied, UINT16_MAX);
                CHECK_STRING(copy.note, "on battery");
        }
}

/* Every text as long as it may be, of the characters that take most room. */
static void test_the_largest_report_fits(void) {
        static const char *const characters[] = { "\"", "\\", "\x01", "\xff", "\u20ac" };

        for (size_t i = 0; i < ELEMENTSOF(characters); i++) {
                HandoverReport report = sample(HANDOVER_LOST), copy;
                _cleanup_free_ char *text = NULL;
                size_t size, step = strlen(characters[i]);

                for (size_t at = 0; at + step < sizeof report.reason; at += step) {
                        memcpy(report.reason + at, characters[i], step + 1);
                        memcpy(report.note + at, characters[i], step + 1);
                        if (at + step < sizeof report.master_name)
                                memcpy(report.master_name + at, characters[i], step + 1);
                }
                CHECK(handover_encode(&report, &text, &size) == 0);
                CHECK(size <= HANDOVER_SIZE_MAX);
                CHECK(handover_decode(text, size, &copy) == 0);
                CHECK(strlen(copy.reason) == strlen(report.reason));
                CHECK(utf8_is_plain(copy.reason, strlen(copy.reason)));
        }
}

static void test_unknown_keys_are_skipped_and_missing_ones_are_empty(void) {
        static const char text[] = "{\"event\":\"refused\",\"colour\":[1,{}],\"threads_asked\":7}";
        HandoverReport report;

        CHECK(handover_decode(text, sizeof text - 1, &report) == 0);
        CHECK(report.event == HANDOVER_REFUSED);
        CHECK_EQUAL(report.threads_asked, 7);
        CHECK_EQUAL(report.threads_allowed, 0);
        CHECK_STRING(report.master_id, "");
        CHECK_STRING(report.reason, "");
}

static void test_every_truncation_is_refused(void) {
        HandoverReport report = sample(HANDOVER_STATE), copy;
        _cleanup_free_ char *text = NULL;
        size_t size;

        CHECK(handover_encode(&report, &text, &size) == 0);
        for (size_t n = 0; n < size; n++)
                CHECK_EQUAL(handover_decode(text, n, &copy), -EBADMSG);
}

static void test_other_texts_are_refused(void) {
        static const char *const texts[] = {
                "",
                "null",
                "[]",
                "{}",
                "{\"event\":1}",
                "{\"event\":\"\"}",
                "{\"event\":\"gone\"}",
                "{\"event\":\"lost\"} ,",
                "{\"event\":\"lost\",\"event\":\"done\"}",
                "{\"event\":\"lost\",\"reason\":1}",
                "{\"event\":\"lost\",\"reason\":\"a\\nb\"}",
                "{\"event\":\"lost\",\"reason\":\"a\\u202eb\"}",
                "{\"event\":\"lost\",\"master_id\":\"00\"}",
                ("{\"event\":\"lost\",\"master_id\":"
                 "\"XX112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}"),
                "{\"event\":\"lost\",\"threads_asked\":-1}",
                "{\"event\":\"lost\",\"threads_asked\":65536}",
                "{\"event\":\"lost\",\"threads_asked\":\"1\"}",
                "lost: the connection broke",
        };
        static char endless[HANDOVER_SIZE_MAX + 1];
        HandoverReport report;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                CHECK_EQUAL(handover_decode(texts[i], strlen(texts[i]), &report), -EBADMSG);

        /* valid, but for its length */
        memset(endless, ' ', sizeof endless);
        memcpy(endless, "{\"event\":\"lost\"}", strlen("{\"event\":\"lost\"}"));
        CHECK_EQUAL(handover_decode(endless, sizeof endless, &report), -EBADMSG);
        CHECK_EQUAL(handover_decode(endless, sizeof endless - 1, &report), 0);
}

int main(void) {
        RUN(test_round_trip);
        RUN(test_the_largest_report_fits);
        RUN(test_unknown_keys_are_skipped_and_missing_ones_are_empty);
        RUN(test_every_truncation_is_refused);
        RUN(test_other_texts_are_refused);
        return tests_end();
}
