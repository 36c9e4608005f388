/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * JSON strings of any bytes. json_string() refuses what is not UTF-8, and json_pack() then refuses the whole object:
 * one strange path would take every figure with it.
 */

#include "ctl/json-text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define REPLACEMENT_SIZE (sizeof REPLACEMENT - 1)

static bool byte_continues(unsigned char byte) {
        return (byte & 0xc0) == 0x80;
}

/* How many bytes the character takes that begins here; 0: none does. Ends at the NUL, which continues nothing. */
static size_t character_size(const unsigned char *s) {
        if (s[0] < 0x80)
                return 1;
        if (s[0] < 0xc2 || s[0] > 0xf4 || !byte_continues(s[1]))
                return 0;
        if (s[0] < 0xe0)
                return 2;
        /* Longer than need be, a surrogate, beyond U+10FFFF. */
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
            (s[0] == 0xf4 && s[1] > 0x8f) || !byte_continues(s[2]))
                return 0;
        if (s[0] < 0xf0)
                return 3;
        return byte_continues(s[3]) ? 4 : 0;
}

json_t *json_text(const char *bytes) {
        _cleanup_free_ char *text = NULL;
        char *end;

        text = malloc(strlen(bytes) * REPLACEMENT_SIZE + 1);
        if (!text)
                return NULL;
        end = text;
        while (*bytes) {
                size_t n = character_size((const unsigned char *) bytes);

                if (n > 0)
                        end = mempcpy(end, bytes, n);
                else
                        end = mempcpy(end, REPLACEMENT, REPLACEMENT_SIZE);
                bytes += n > 0 ? n : 1;
        }
        *end = '\0';
        return json_string(text);
}
