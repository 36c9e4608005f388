/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Decimal digits that count upwards. */

#include "ctl/decimal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

#define ROOM 20 /* digits of any 64-bit addend, and a carry */

int decimal_set(Decimal *decimal, const mpz_t number) {
        size_t n_digits = mpz_sizeinbase(number, 10), n_buffer = ROOM + n_digits + 2;
        char *grown;

        grown = realloc(decimal->buffer, n_buffer);
        if (!grown)
                return -ENOMEM;
        memset(grown, '0', ROOM);
        (void) mpz_get_str(grown + ROOM, 10, number);
        n_digits = strlen(grown + ROOM); /* mpz_sizeinbase() may say one too many */
        grown[ROOM + n_digits] = '\n';
        *decimal = (Decimal) { .buffer = grown, .n_buffer = ROOM + n_digits + 1, .first = ROOM };
        return 0;
}

void decimal_done(Decimal *decimal) {
        free(decimal->buffer);
        *decimal = DECIMAL_NONE;
}

void decimal_add(Decimal *decimal, uint64_t addend) {
        char *p = decimal->buffer + decimal->n_buffer - 2;

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
