/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A number in decimal digits that counts upwards or downwards. Primes are printed in order, so the next one is a short
 * addition to the digits of the last, whatever its size: no number is ever converted but the first.
 *
 * The last four digits are an integer, which becomes digits by a table when the number is written; the digits before
 * them are text, and change only when the four overflow. So most steps are one addition of small integers, and most
 * numbers are written as two or three stores.
 */

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DECIMAL_TAIL 10000U
#define DECIMAL_SLACK 16U /* bytes that decimal_put() and decimal_put_u64() may write behind the digits */

typedef struct Decimal {
        char *buffer;      /* leading zeros, the digits but the last four, and DECIMAL_SLACK bytes */
        size_t first, end; /* of the digits in it; none when they are equal */
        uint32_t tail;     /* the last four digits */
} Decimal;

#define DECIMAL_NONE ((Decimal) {})

/* 0 or -ENOMEM. Leaves room to grow by 18 digits. */
int decimal_set(Decimal *decimal, const mpz_t number);
void decimal_done(Decimal *decimal);

/* For large steps: of what is above the last four digits. */
void decimal_carry(Decimal *decimal, uint64_t addend);
void decimal_borrow(Decimal *decimal, uint64_t subtrahend);

/* `addend` below 10^18, a sum of additions since decimal_set() as well. */
static inline void decimal_add(Decimal *decimal, uint64_t addend) {
        addend += decimal->tail;
        if (addend >= DECIMAL_TAIL) {
                decimal_carry(decimal, addend / DECIMAL_TAIL);
                addend %= DECIMAL_TAIL;
        }
        decimal->tail = (uint32_t) addend;
}

/* `subtrahend` below 10^18, and not larger than the number. */
static inline void decimal_subtract(Decimal *decimal, uint64_t subtrahend) {
        if (subtrahend > decimal->tail) {
                uint64_t borrowed = (subtrahend - decimal->tail + DECIMAL_TAIL - 1) / DECIMAL_TAIL;

                decimal_borrow(decimal, borrowed);
                subtrahend -= borrowed * DECIMAL_TAIL; /* may wrap around, and back in the next line */
        }
        decimal->tail -= (uint32_t) subtrahend;
}

/* "0000" to "9999", filled in by decimal_set(); one row more, so that four bytes can be read from any digit. */
extern char decimal_quads[DECIMAL_TAIL + 1][4];

/* Zeros in front of a number below 10^4. */
static inline unsigned decimal_leading(uint32_t tail) {
        return 3U - (tail > 9) - (tail > 99) - (tail > 999);
}

/*
 * The same number in three registers, for a loop that writes text: text could be anything to a compiler, so a Decimal
 * is loaded and stored again with every byte. Between decimal_cursor() and decimal_leave() the Decimal is not used.
 */
typedef struct DecimalCursor {
        const char *head; /* the digits but the last four */
        size_t n_head;
        uint32_t tail;
} DecimalCursor;

static inline DecimalCursor decimal_cursor(const Decimal *decimal) {
        return (DecimalCursor) { decimal->buffer + decimal->first, decimal->end - decimal->first, decimal->tail };
}

static inline void decimal_leave(Decimal *decimal, DecimalCursor cursor) {
        decimal->tail = cursor.tail;
}

/* Adds or subtracts `step`, as decimal_add() and decimal_subtract(). */
static inline DecimalCursor decimal_step(Decimal *decimal, DecimalCursor cursor, uint32_t step, bool down) {
        uint32_t tail = down ? cursor.tail - step : cursor.tail + step;

        if (tail < DECIMAL_TAIL && step < DECIMAL_TAIL) {
                cursor.tail = tail;
                return cursor;
        }
        decimal_leave(decimal, cursor);
        if (down)
                decimal_subtract(decimal, step);
        else
                decimal_add(decimal, step);
        return decimal_cursor(decimal);
}

/* Writes the digits, without a NUL; returns where they end. */
static inline char *decimal_put(DecimalCursor cursor, char *at) {
        unsigned leading = 0;

        if (cursor.n_head == 0)
                leading = decimal_leading(cursor.tail);
        else if (cursor.n_head <= DECIMAL_SLACK)
                memcpy(at, cursor.head, DECIMAL_SLACK);
        else
                memcpy(at, cursor.head, cursor.n_head);
        memcpy(at + cursor.n_head, decimal_quads[cursor.tail] + leading, 4);
        return at + cursor.n_head + 4 - leading;
}

/* The same for an integer; decimal_set() was called before, of any Decimal. */
char *decimal_put_u64_long(uint64_t value, char *at);

static inline char *decimal_put_u64(uint64_t value, char *at) {
        unsigned leading;

        if (value >= DECIMAL_TAIL)
                return decimal_put_u64_long(value, at);
        leading = decimal_leading((uint32_t) value);
        memcpy(at, decimal_quads[value] + leading, 4);
        return at + 4 - leading;
}

/* So many bytes are enough for decimal_put(), also when the number has grown by up to 10^8. */
static inline size_t decimal_room(const Decimal *decimal) {
        return decimal->end - decimal->first + 4 + 9 + DECIMAL_SLACK;
}
