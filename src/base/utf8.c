/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* UTF-8 that is harmless in one line of text. */

#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "base/macro.h"

/* Length of the valid character at `text` of 1 … 4 bytes, 0 if there is none. `size` is not 0. */
static size_t utf8_decode(const uint8_t *text, size_t size, uint32_t *ret) {
        /* Smallest value that needs 1, 2, 3, 4 bytes: anything smaller was written too long. */
        static const uint32_t smallest[] = { 0, 0x80, 0x800, 0x10000 };
        uint32_t value = text[0];
        size_t n;

        if (value < 0x80) {
                *ret = value;
                return 1;
        }
        if ((value & 0xe0) == 0xc0)
                n = 2;
        else if ((value & 0xf0) == 0xe0)
                n = 3;
        else if ((value & 0xf8) == 0xf0)
                n = 4;
        else
                return 0;
        if (size < n)
                return 0;

        value &= 0x7fU >> n;
        for (size_t i = 1; i < n; i++) {
                if ((text[i] & 0xc0) != 0x80)
                        return 0;
                value = value << 6 | (text[i] & 0x3f);
        }
        if (value < smallest[n - 1] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
                return 0;
        *ret = value;
        return n;
}

static bool character_is_plain(uint32_t value) {
        if (value < 0x20 || (value >= 0x7f && value <= 0x9f))
                return false;
        if (value == 0x2028 || value == 0x2029) /* line and paragraph separator */
                return false;
        /* LRM, RLM, ALM, embeddings, overrides, isolates */
        return !(value == 0x200e || value == 0x200f || value == 0x061c ||
                 (value >= 0x202a && value <= 0x202e) || (value >= 0x2066 && value <= 0x2069));
}

/* Length of the plain character at `text`, 0 if there is none. */
static size_t utf8_plain_length(const char *text, size_t size) {
        uint32_t value;
        size_t n = utf8_decode((const uint8_t *) text, size, &value);

        return n > 0 && character_is_plain(value) ? n : 0;
}

bool utf8_is_plain(const char *text, size_t size) {
        while (size > 0) {
                size_t n = utf8_plain_length(text, size);

                if (n == 0)
                        return false;
                text += n;
                size -= n;
        }
        return true;
}

void utf8_copy_plain(char *ret, size_t size, const char *text) {
        size_t left = strlen(text), used = 0;

        while (left > 0) {
                size_t n = utf8_plain_length(text, left);

                if (used + MAX(n, (size_t) 1) >= size)
                        break;
                if (n == 0)
                        ret[used] = '?';
                else
                        memcpy(ret + used, text, n);
                used += MAX(n, (size_t) 1);
                text += MAX(n, (size_t) 1);
                left -= MAX(n, (size_t) 1);
        }
        ret[used] = '\0';
}
