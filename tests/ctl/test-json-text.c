/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes become a JSON string; what is UTF-8 stays what it is. */

#include "ctl/json-text.h"

#include <stdio.h>

#include "test.h"

static void check_text(const char *bytes, const char *expected) {
        json_t *string = json_text(bytes);

        CHECK(string && json_is_string(string));
        CHECK_STRING(json_string_value(string), expected);
        json_decref(string);
}

static void test_utf8_stays(void) {
        check_text("", "");
        check_text("/var/lib/primed", "/var/lib/primed");
        check_text("a\nb\"\x7f", "a\nb\"\x7f");
        check_text("größer, 素数, 𝟚", "größer, 素数, 𝟚");
        check_text("\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xef\xbf\xbf \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf",
                   "\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xef\xbf\xbf \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf");
}

static void test_other_bytes_are_replaced(void) {
        check_text("/tmp/\xff/store", "/tmp/\xef\xbf\xbd/store");
        check_text("M\xfcller", "M\xef\xbf\xbdller");                           /* Latin-1 */
        check_text("\x80\xbf", "\xef\xbf\xbd\xef\xbf\xbd");                     /* continue nothing */
        check_text("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");                     /* longer than need be */
        check_text("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");     /* a surrogate */
        check_text("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

/* A name that was cut to fit may end within a character. */
static void test_cut_characters(void) {
        check_text("gr\xc3", "gr\xef\xbf\xbd");
        check_text("\xe7\xb4", "\xef\xbf\xbd\xef\xbf\xbd");
        check_text("\xf0\x9d\x9f", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
        check_text("\xf0\x9d\x9f!", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!");
}

/* Whatever bytes stand there, the result is a string, and the same one when jansson itself would take them. */
static void test_any_bytes(void) {
        for (unsigned a = 1; a < 256; a++)
                for (unsigned b = 1; b < 256; b++) {
                        const char bytes[] = { (char) a, (char) b, (char) (b ^ 0x20), '\x80', '\0' };
                        json_t *whole = json_string(bytes), *text = json_text(bytes);

                        CHECK(text != NULL);
                        if (whole)
                                CHECK_STRING(json_string_value(text), bytes);
                        json_decref(whole);
                        json_decref(text);
                }
}

int main(void) {
        RUN(test_utf8_stays);
        RUN(test_other_bytes_are_replaced);
        RUN(test_cut_characters);
        RUN(test_any_bytes);
        return tests_end();
}
