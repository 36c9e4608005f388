/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Strict parsing of numbers, sizes and spans of time. */

#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/macro.h"

/* Reads the leading digits; the rest of the word is `*ret_end`. */
static int parse_digits(const char *word, uint64_t *ret, const char **ret_end) {
        uint64_t value = 0;
        const char *p = word;

        for (; isdigit((unsigned char) *p); p++)
                if (__builtin_mul_overflow(value, (uint64_t) 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t) (*p - '0'), &value))
                        return -ERANGE;
        if (p == word)
                return -EINVAL;
        *ret = value;
        *ret_end = p;
        return 0;
}

int parse_u64(const char *word, uint64_t *ret) {
        const char *end;
        uint64_t value;
        int r;

        r = parse_digits(word, &value, &end);
        if (r < 0)
                return r;
        if (*end != '\0')
                return -EINVAL;
        *ret = value;
        return 0;
}

int parse_unsigned(const char *word, unsigned low, unsigned high, unsigned *ret) {
        uint64_t value;
        int r;

        r = parse_u64(word, &value);
        if (r < 0)
                return r;
        if (value < low || value > high)
                return -ERANGE;
        *ret = (unsigned) value;
        return 0;
}

typedef struct Unit {
        const char *name;
        uint64_t factor;
} Unit;

/* Digits and one of the units. */
static int parse_with_unit(const char *word, const Unit *units, size_t n_units, uint64_t *ret) {
        const char *end;
        uint64_t value;
        int r;

        r = parse_digits(word, &value, &end);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_units; i++)
                if (strcmp(end, units[i].name) == 0) {
                        if (__builtin_mul_overflow(value, units[i].factor, &value))
                                return -ERANGE;
                        *ret = value;
                        return 0;
                }
        return -EINVAL;
}

int parse_size(const char *word, uint64_t *ret) {
        static const Unit units[] = {
                { "", 1 },
                { "K", UINT64_C(1) << 10 },
                { "M", UINT64_C(1) << 20 },
                { "G", UINT64_C(1) << 30 },
                { "T", UINT64_C(1) << 40 },
        };

        return parse_with_unit(word, units, ELEMENTSOF(units), ret);
}

int parse_duration(const char *word, usec_t *ret) {
        static const Unit units[] = {
                { "", USEC_PER_SEC },    { "s", USEC_PER_SEC },  { "ms", USEC_PER_MSEC },
                { "min", USEC_PER_MINUTE }, { "h", USEC_PER_HOUR },
        };

        return parse_with_unit(word, units, ELEMENTSOF(units), ret);
}
