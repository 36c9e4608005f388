/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Text from strangers. */

#include "base/macro.h"
#include "base/utf8.h"
#include "test.h"

static const char *const plain[] = {
        "", "a", "a b~", "\u00e9", "\u00a0", "\u20ac", "\xed\x9f\xbf", "\ue000", "\ufffd", "\U00010000",
        "\U0010fffd", "\u5341\u4e07 \u05d0", "(){}$'\"\\",
};

static const char *const not_plain[] = {
        "\n", "\r", "\t", "\033[31m", "\x7f", "a\x01",                    /* C0, DEL */
        "\xc2\x80", "\xc2\x9b", "\xc2\x9f",                               /* C1: CSI in one character */
        "\u2028", "\u2029", "\u200e", "\u200f", "\u061c", "\u202a", "\u202e", "\u2066", "\u2069",
        "\x80", "\xbf", "a\xbf",                                          /* a tail without a head */
        "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3" "a", "\xe2\x82" "a",   /* a head without its tail */
        "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",       /* written too long */
        "\xed\xa0\x80", "\xed\xbf\xbf",                                   /* surrogates */
        "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff",       /* beyond the last one */
};

static void test_plain_text(void) {
        for (size_t i = 0; i < ELEMENTSOF(plain); i++)
                CHECK(utf8_is_plain(plain[i], strlen(plain[i])));
}

static void test_everything_else(void) {
        for (size_t i = 0; i < ELEMENTSOF(not_plain); i++)
                CHECK(!utf8_is_plain(not_plain[i], strlen(not_plain[i])));
        CHECK(!utf8_is_plain("a\0b", 3));
}

static void test_size_is_obeyed(void) {
        CHECK(utf8_is_plain("a\n", 1));
        CHECK(!utf8_is_plain("\u20ac", 2));
}

/* Every character of one, two and three bytes against the rule written down the other way round. */
static void test_every_character_of_the_basic_plane(void) {
        for (unsigned value = 1; value < 0x10000; value++) {
                char text[4] = {};
                bool control = value < 0x20 || (value >= 0x7f && value < 0xa0);
                bool direction = value == 0x200e || value == 0x200f || value == 0x61c ||
                                 (value >= 0x2028 && value <= 0x202e) ||
                                 (value >= 0x2066 && value <= 0x2069);
                bool surrogate = value >= 0xd800 && value < 0xe000;

                if (value < 0x80)
                        text[0] = (char) value;
                else if (value < 0x800) {
                        text[0] = (char) (0xc0 | value >> 6);
                        text[1] = (char) (0x80 | (value & 0x3f));
                } else {
                        text[0] = (char) (0xe0 | value >> 12);
                        text[1] = (char) (0x80 | (value >> 6 & 0x3f));
                        text[2] = (char) (0x80 | (value & 0x3f));
                }
                CHECK(utf8_is_plain(text, strlen(text)) == !(control || direction || surrogate));
        }
}

static void test_copy(void) {
        char text[8];

        utf8_copy_plain(text, sizeof text, "abc");
        CHECK_STRING(text, "abc");
        utf8_copy_plain(text, sizeof text, "a\n\xff\u00e9");
        CHECK_STRING(text, "a??\u00e9");
        utf8_copy_plain(text, sizeof text, "abcdefghij");
        CHECK_STRING(text, "abcdefg");
        utf8_copy_plain(text, sizeof text, "abcde\u20ac"); /* three bytes do not fit any more */
        CHECK_STRING(text, "abcde");
        utf8_copy_plain(text, 1, "abc");
        CHECK_STRING(text, "");
        utf8_copy_plain(text, sizeof text, "\u202e\u202e\u202e\u202e");
        CHECK(utf8_is_plain(text, strlen(text)));
}

int main(void) {
        RUN(test_plain_text);
        RUN(test_everything_else);
        RUN(test_size_is_obeyed);
        RUN(test_every_character_of_the_basic_plane);
        RUN(test_copy);
        return tests_end();
}
