/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Integers of any size: how people write them, how bytes carry them.
 *
 * The grammar, without blanks:
 *
 *         sum     = product { ("+" | "-") product }
 *         product = power { "*" power }
 *         power   = digits [ "^" digits ]              2^64, never 2^3^4: people disagree on what that means
 *                 | digits [ "." digits ] "e" digits   1e12, 1.5e12; exact, so 1.5e0 is refused
 *         digits  = "0"…"9", single "_" between two of them
 *
 * A word comes from a command line or a peer, so the work is bounded before it is done: the bits of each power are
 * estimated from below and refused when they pass the limit, and the number of operators is limited, because
 * 500,000 factors on a long number would take minutes.
 */

#include "prime/number.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A word may name 2^NUMBER_BITS_MAX in order to subtract 1 from it: parts may be a little larger than results. */
#define PART_BITS_MAX (NUMBER_BITS_MAX + 64)
#define PART_DIGITS_MAX 315700U          /* more than log10(2) · PART_BITS_MAX = 315,672 */
#define WORD_LENGTH_MAX (2 * PART_DIGITS_MAX)
#define WORD_OPERATORS_MAX 64
#define WORD_QUOTED_MAX 48

#define SHORT_DIGITS_MAX 24        /* so many digits a person reads at a glance */
#define SHORT_FACTOR_DIGITS_MAX 12 /* of the a in a*10^k */
#define SHORT_FORM_SIZE 64         /* "10^315652-18446744073709551615" and the like */

#define PLEASE_WRITE "write it like 123, 1e12, 10^24, 2^64+13 or 5*10^30"

typedef struct Parser {
        const char *word, *position;
        unsigned n_operators;
        Problem *problem;
} Parser;

/* A run of digits without its underscores and leading zeros. */
typedef struct Digits {
        char *text; /* owned */
        size_t length;
} Digits;

#define _cleanup_digits_ _cleanup_(digits_done)

static void digits_done(Digits *digits) {
        free(digits->text);
}

/* The word as it may stand in a sentence: short and printable. */
static const char *parser_quote(const Parser *parser, char ret[static WORD_QUOTED_MAX + 4]) {
        size_t n = strnlen(parser->word, WORD_QUOTED_MAX + 1);
        bool cut = n > WORD_QUOTED_MAX;

        if (cut)
                n = WORD_QUOTED_MAX;
        for (size_t i = 0; i < n; i++)
                ret[i] = parser->word[i] >= ' ' && parser->word[i] <= '~' ? parser->word[i] : '?';
        strcpy(ret + n, cut ? "..." : "");
        return ret;
}

static int parser_refuse(const Parser *parser, const char *reason) {
        char quoted[WORD_QUOTED_MAX + 4];

        return problem_set(parser->problem, EINVAL, "'%s' is not an integer: %s; " PLEASE_WRITE ".",
                           parser_quote(parser, quoted), reason);
}

static int parser_refuse_here(const Parser *parser) {
        char reason[96];
        char c = *parser->position;
        size_t at = (size_t) (parser->position - parser->word) + 1;

        if (c == '\0')
                return parser_refuse(parser, "digits are missing at its end");
        if (c < ' ' || c > '~')
                (void) snprintf(reason, sizeof reason, "character %zu is not a digit", at);
        else
                (void) snprintf(reason, sizeof reason, "character %zu, '%c', does not belong there", at, c);
        return parser_refuse(parser, reason);
}

static int parser_refuse_size(const Parser *parser) {
        char quoted[WORD_QUOTED_MAX + 4];

        return problem_set(parser->problem, ERANGE,
                           "'%s' is too large: integers below 2^%" PRIu32 " can be used.",
                           parser_quote(parser, quoted), NUMBER_BITS_MAX);
}

static int parser_count_operator(Parser *parser) {
        if (++parser->n_operators > WORD_OPERATORS_MAX)
                return parser_refuse(parser, "it has too many operators");
        parser->position++;
        return 0;
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static int parse_digits(Parser *parser, Digits *ret) {
        size_t n = 0, span = 0;
        char *text;

        if (!is_digit(*parser->position))
                return parser_refuse_here(parser);

        while (is_digit(parser->position[span]) ||
               (parser->position[span] == '_' && is_digit(parser->position[span + 1])))
                span++;
        text = malloc(span + 1);
        if (!text)
                return problem_set(parser->problem, ENOMEM, "Out of memory while reading a number.");
        for (size_t i = 0; i < span; i++) {
                char c = parser->position[i];

                if (c != '_' && (n > 0 || c != '0'))
                        text[n++] = c;
        }
        text[n] = '\0';
        parser->position += span;
        *ret = (Digits) { text, n };
        return 0;
}

/* The value of the digits, or UINT32_MAX when it is larger: more than any exponent that is of use. */
static uint32_t digits_saturated(const Digits *digits) {
        uint64_t value = 0;

        for (size_t i = 0; i < digits->length; i++) {
                value = value * 10 + (uint64_t) (digits->text[i] - '0');
                if (value > UINT32_MAX)
                        return UINT32_MAX;
        }
        return (uint32_t) value;
}

static int digits_value(const Parser *parser, const Digits *digits, mpz_t ret) {
        if (digits->length > PART_DIGITS_MAX)
                return parser_refuse_size(parser);
        if (digits->length == 0)
                mpz_set_ui(ret, 0);
        else if (mpz_set_str(ret, digits->text, 10) < 0)
                return -EINVAL; /* cannot happen: only digits are left */
        return 0;
}

/* The fraction and exponent of 1.5e12, behind the integer part. */
static int parse_scientific(Parser *parser, const Digits *integer, mpz_t ret) {
        _cleanup_digits_ Digits fraction = {}, exponent = {}, mantissa = {};
        size_t n_fraction = 0;
        uint32_t power;
        int r;

        if (*parser->position == '.') {
                const char *begin = ++parser->position;

                r = parse_digits(parser, &fraction);
                if (r < 0)
                        return r;
                /* Zeros in front count here, zeros at the end do not. */
                for (const char *c = begin; c < parser->position; c++)
                        n_fraction += *c != '_';
                while (fraction.length > 0 && fraction.text[fraction.length - 1] == '0') {
                        fraction.text[--fraction.length] = '\0';
                        n_fraction--;
                }
                if (fraction.length == 0)
                        n_fraction = 0;
        }
        if (*parser->position != 'e' && *parser->position != 'E')
                return parser_refuse(parser, "it has a fraction");
        parser->position++;
        r = parse_digits(parser, &exponent);
        if (r < 0)
                return r;

        power = digits_saturated(&exponent);
        if (n_fraction > power)
                return parser_refuse(parser, "it has a fraction");

        /* mantissa = the digits of both parts; the fraction's leading zeros matter unless nothing stands before */
        mantissa.length = integer->length + (integer->length > 0 ? n_fraction : fraction.length);
        if (mantissa.length == 0) {
                mpz_set_ui(ret, 0);
                return 0;
        }
        if ((uint64_t) mantissa.length + (power - n_fraction) > PART_DIGITS_MAX)
                return parser_refuse_size(parser);
        mantissa.text = malloc(mantissa.length + 1);
        if (!mantissa.text)
                return problem_set(parser->problem, ENOMEM, "Out of memory while reading a number.");
        memset(mantissa.text, '0', mantissa.length);
        memcpy(mantissa.text, integer->text, integer->length);
        if (fraction.length > 0)
                memcpy(mantissa.text + mantissa.length - fraction.length, fraction.text, fraction.length);
        mantissa.text[mantissa.length] = '\0';

        r = digits_value(parser, &mantissa, ret);
        if (r < 0)
                return r;
        if (power > n_fraction) {
                _cleanup_mpz_ mpz_t scale;

                mpz_init(scale);
                mpz_ui_pow_ui(scale, 10, (unsigned long) (power - n_fraction));
                mpz_mul(ret, ret, scale);
        }
        return 0;
}

static int parse_power(Parser *parser, mpz_t ret) {
        _cleanup_digits_ Digits base = {}, exponent = {};
        uint32_t power;
        int r;

        r = parse_digits(parser, &base);
        if (r < 0)
                return r;
        if (*parser->position == '.' || *parser->position == 'e' || *parser->position == 'E')
                return parse_scientific(parser, &base, ret);

        r = digits_value(parser, &base, ret);
        if (r < 0 || *parser->position != '^')
                return r;
        r = parser_count_operator(parser);
        if (r < 0)
                return r;
        r = parse_digits(parser, &exponent);
        if (r < 0)
                return r;

        power = digits_saturated(&exponent);
        if (mpz_cmp_ui(ret, 1) <= 0) {
                if (power == 0)
                        mpz_set_ui(ret, 1);
                return 0;
        }
        if ((uint64_t) (mpz_sizeinbase(ret, 2) - 1) * power > PART_BITS_MAX)
                return parser_refuse_size(parser);
        mpz_pow_ui(ret, ret, power);
        return 0;
}

static int parse_product(Parser *parser, mpz_t ret) {
        int r;

        r = parse_power(parser, ret);
        while (r == 0 && *parser->position == '*') {
                _cleanup_mpz_ mpz_t factor;

                mpz_init(factor);
                r = parser_count_operator(parser);
                if (r < 0)
                        return r;
                r = parse_power(parser, factor);
                if (r < 0)
                        return r;
                mpz_mul(ret, ret, factor);
                if (mpz_sizeinbase(ret, 2) > PART_BITS_MAX)
                        return parser_refuse_size(parser);
        }
        return r;
}

static int parse_sum(Parser *parser, mpz_t ret) {
        int r;

        r = parse_product(parser, ret);
        while (r == 0 && (*parser->position == '+' || *parser->position == '-')) {
                _cleanup_mpz_ mpz_t summand;
                bool minus = *parser->position == '-';

                mpz_init(summand);
                r = parser_count_operator(parser);
                if (r < 0)
                        return r;
                r = parse_product(parser, summand);
                if (r < 0)
                        return r;
                (minus ? mpz_sub : mpz_add)(ret, ret, summand);
        }
        if (r == 0 && *parser->position != '\0')
                return parser_refuse_here(parser);
        return r;
}

int number_parse(mpz_t ret, const char *word, Problem *problem) {
        Parser parser = { .word = word, .position = word, .problem = problem };
        char quoted[WORD_QUOTED_MAX + 4];
        _cleanup_mpz_ mpz_t value;
        int r;

        assert(word);

        mpz_init(value);
        if (word[0] == '\0')
                return problem_set(problem, EINVAL, "An empty word is not an integer; " PLEASE_WRITE ".");
        if (strnlen(word, WORD_LENGTH_MAX + 1) > WORD_LENGTH_MAX)
                return parser_refuse_size(&parser);
        if (word[0] == '-' && is_digit(word[1]))
                return problem_set(problem, ERANGE, "'%s' is negative; numbers here begin at 0.",
                                   parser_quote(&parser, quoted));

        r = parse_sum(&parser, value);
        if (r < 0)
                return r;
        if (mpz_sgn(value) < 0)
                return problem_set(problem, ERANGE, "'%s' is negative; numbers here begin at 0.",
                                   parser_quote(&parser, quoted));
        if (mpz_sizeinbase(value, 2) > NUMBER_BITS_MAX)
                return parser_refuse_size(&parser);

        mpz_swap(ret, value);
        return 0;
}

char *number_format(const mpz_t number) {
        size_t size = mpz_sizeinbase(number, 10) + 2;
        char *text = malloc(size);

        /* The caller's allocator for the caller's free(), whatever GMP's may be. */
        return text ? mpz_get_str(text, 10, number) : NULL;
}

/* The exact short form with the fewest characters so far. */
typedef struct ShortForm {
        char text[SHORT_FORM_SIZE]; /* empty: none was found */
} ShortForm;

static void short_form_offer(ShortForm *form, const char *text) {
        if (form->text[0] == '\0' || strlen(text) < strlen(form->text))
                (void) snprintf(form->text, sizeof form->text, "%s", text);
}

/* Offers "base^exponent", with "+d" or "-d" if there is a distance. */
static void short_form_offer_power(ShortForm *form, const mpz_t number, unsigned base, size_t exponent) {
        _cleanup_mpz_ mpz_t distance;
        char text[SHORT_FORM_SIZE];
        int sign;

        mpz_init(distance);
        mpz_ui_pow_ui(distance, base, (unsigned long) exponent);
        mpz_sub(distance, number, distance);
        sign = mpz_sgn(distance);
        mpz_abs(distance, distance);
        if (mpz_sizeinbase(distance, 2) > 64)
                return;

        if (sign == 0)
                (void) snprintf(text, sizeof text, "%u^%zu", base, exponent);
        else
                (void) snprintf(text, sizeof text, "%u^%zu%c%" PRIu64, base, exponent, sign > 0 ? '+' : '-',
                                number_get_u64(distance));
        short_form_offer(form, text);
}

char *number_format_short(const mpz_t number) {
        _cleanup_free_ char *digits = NULL;
        char text[SHORT_FORM_SIZE];
        ShortForm form = {};
        size_t n_digits, n_bits, n_leading;

        digits = number_format(number);
        if (!digits)
                return NULL;
        n_digits = strlen(digits);
        if (n_digits <= SHORT_DIGITS_MAX)
                return TAKE_PTR(digits);

        n_bits = mpz_sizeinbase(number, 2);
        short_form_offer_power(&form, number, 10, n_digits - 1);
        short_form_offer_power(&form, number, 10, n_digits);
        short_form_offer_power(&form, number, 2, n_bits - 1);
        short_form_offer_power(&form, number, 2, n_bits);

        for (n_leading = n_digits; digits[n_leading - 1] == '0';)
                n_leading--;
        if (n_leading <= SHORT_FACTOR_DIGITS_MAX) {
                (void) snprintf(text, sizeof text, "%.*s*10^%zu", (int) n_leading, digits,
                                n_digits - n_leading);
                short_form_offer(&form, text);
        }
        if (form.text[0] == '\0')
                (void) snprintf(form.text, sizeof form.text, "%c.%.3se%zu", digits[0], digits + 1,
                                n_digits - 1);
        return strdup(form.text);
}

size_t number_bytes(const mpz_t number) {
        return mpz_sgn(number) == 0 ? 0 : (mpz_sizeinbase(number, 2) + 7) / 8;
}

void number_to_bytes(const mpz_t number, uint8_t *ret) {
        (void) mpz_export(ret, NULL, -1, 1, -1, 0, number);
}

void number_from_bytes(mpz_t ret, const uint8_t *bytes, size_t n_bytes) {
        assert(n_bytes <= NUMBER_BYTES_MAX);

        mpz_import(ret, n_bytes, -1, 1, -1, 0, bytes);
}

void number_set_u64(mpz_t ret, uint64_t value) {
        mpz_import(ret, 1, -1, sizeof value, 0, 0, &value);
}

uint64_t number_get_u64(const mpz_t number) {
        uint64_t value = 0;

        assert(mpz_sizeinbase(number, 2) <= 64);

        (void) mpz_export(&value, NULL, -1, sizeof value, 0, 0, number);
        return value;
}

void number_add_u64(mpz_t ret, const mpz_t number, uint64_t addend) {
        if (addend <= ULONG_MAX)
                mpz_add_ui(ret, number, (unsigned long) addend);
        else {
                _cleanup_mpz_ mpz_t wide;

                mpz_init(wide);
                number_set_u64(wide, addend);
                mpz_add(ret, number, wide);
        }
}
