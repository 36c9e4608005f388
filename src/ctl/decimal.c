/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Decimal digits that count. */

#include "ctl/decimal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"

#define ROOM 20 /* digits of any 64-bit addend, and a carry */

char decimal_quads[DECIMAL_TAIL + 1][4];

static void fill_quads(void) {
        if (decimal_quads[0][0] != 0)
                return;
        for (unsigned i = 0; i < DECIMAL_TAIL; i++) {
                decimal_quads[i][0] = (char) ('0' + i / 1000);
                decimal_quads[i][1] = (char) ('0' + i / 100 % 10);
                decimal_quads[i][2] = (char) ('0' + i / 10 % 10);
                decimal_quads[i][3] = (char) ('0' + i % 10);
        }
}

int decimal_set(Decimal *decimal, const mpz_t number) {
        size_t n_digits = mpz_sizeinbase(number, 10), end;
        uint32_t tail = 0;
        char *grown;

        fill_quads();
        grown = realloc(decimal->buffer, ROOM + n_digits + 2 + DECIMAL_SLACK);
        if (!grown)
                return -ENOMEM;
        memset(grown, '0', ROOM);
        (void) mpz_get_str(grown + ROOM, 10, number);
        n_digits = strlen(grown + ROOM); /* mpz_sizeinbase() may say one too many */
        end = ROOM + (n_digits > 4 ? n_digits - 4 : 0);
        for (const char *p = grown + end; *p; p++)
                tail = tail * 10 + (uint32_t) (*p - '0');
        memset(grown + end, 0, DECIMAL_SLACK); /* is copied, never printed */
        *decimal = (Decimal) { .buffer = grown, .first = ROOM, .end = end, .tail = tail };
        return 0;
}

void decimal_done(Decimal *decimal) {
        free(decimal->buffer);
        *decimal = DECIMAL_NONE;
}

void decimal_carry(Decimal *decimal, uint64_t addend) {
        char *p = decimal->buffer + decimal->end - 1;

        for (; addend > 0; p--) {
                unsigned digit = (unsigned) (*p - '0') + (unsigned) (addend % 10);

                addend /= 10;
                if (digit >= 10) {
                        digit -= 10;
                        addend++;
                }
                *p = (char) ('0' + digit);
        }
        /* The last digit that was touched is not zero: it was the top one of the addend, or a carry. */
        decimal->first = MIN(decimal->first, (size_t) (p + 1 - decimal->buffer));
}

void decimal_borrow(Decimal *decimal, uint64_t subtrahend) {
        char *p = decimal->buffer + decimal->end - 1;

        for (; subtrahend > 0; p--) {
                int digit = *p - '0' - (int) (subtrahend % 10);

                subtrahend /= 10;
                if (digit < 0) {
                        digit += 10;
                        subtrahend++;
                }
                *p = (char) ('0' + digit);
        }
        while (decimal->first < decimal->end && decimal->buffer[decimal->first] == '0')
                decimal->first++;
}

char *decimal_put_u64_long(uint64_t value, char *at) {
        char digits[20];
        size_t n = 0;

        do
                digits[n++] = (char) ('0' + value % 10);
        while ((value /= 10) > 0);
        while (n > 0)
                *at++ = digits[--n];
        return at;
}
