/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The tokens of libconfig's language, read as its own scanner reads them where it accepts a text, and more strictly
 * where it does not: all that is refused here would be refused there as well, or taken for something else.
 */

#include "settings/scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#define QUOTE_MAX 64 /* bytes of a word that a sentence repeats */

typedef enum Token {
        TOKEN_NONE, /* before the first */
        TOKEN_NAME,
        TOKEN_EQUALS,
        TOKEN_NUMBER,
        TOKEN_BOOLEAN,
        TOKEN_STRING,
        TOKEN_OPEN,
        TOKEN_CLOSE,
        TOKEN_COMMA,
        TOKEN_SEMICOLON,
} Token;

typedef struct Scanner {
        const char *path;
        const char *p, *end;
        unsigned line;
        Token last;
        unsigned last_line;
        char name[QUOTE_MAX]; /* the last one, if `last` is TOKEN_NAME */

        struct {
                char bracket;
                unsigned line;
        } open[SCAN_DEPTH_MAX];
        size_t depth;

        unsigned *lines;
        size_t n_lines, n_tokens;
        Problem *problem;
} Scanner;

#define REFUSE(scanner, place, format, ...)                                                                  \
        problem_set((scanner)->problem, EINVAL, "%s:%u: " format, (scanner)->path, (place), ##__VA_ARGS__)

/* Each plain value takes a token, so the array is never larger than this. */
static int scanner_add_value(Scanner *scanner) {
        if (!scanner->lines)
                scanner->lines = malloc(SCAN_TOKENS_MAX * sizeof *scanner->lines);
        if (!scanner->lines)
                return problem_set(scanner->problem, ENOMEM, "Out of memory while reading %s.", scanner->path);
        scanner->lines[scanner->n_lines++] = scanner->line;
        return 0;
}

static bool scanner_in_list(const Scanner *scanner) {
        return scanner->depth > 0 && scanner->open[scanner->depth - 1].bracket != '{';
}

static bool token_ends_value(Token token) {
        return token == TOKEN_NUMBER || token == TOKEN_BOOLEAN || token == TOKEN_STRING || token == TOKEN_CLOSE;
}

static bool token_begins_value(Token token) {
        return token == TOKEN_NUMBER || token == TOKEN_BOOLEAN || token == TOKEN_STRING || token == TOKEN_OPEN;
}

/* Between ( and ), or [ and ]: values with commas between. */
static int check_order_in_list(const Scanner *scanner, Token token) {
        bool array = scanner->open[scanner->depth - 1].bracket == '[';

        if (token == TOKEN_EQUALS || token == TOKEN_SEMICOLON)
                return REFUSE(scanner, scanner->line,
                              "This '%c' cannot stand in a list. Write values with commas between, and settings in "
                              "braces.",
                              *scanner->p);
        if (token == TOKEN_COMMA && !token_ends_value(scanner->last))
                return REFUSE(scanner, scanner->line, "There is no value in front of this comma. Remove the comma.");
        if (token_begins_value(token) && token_ends_value(scanner->last))
                return REFUSE(scanner, scanner->line, "There is no comma between two values of a list. Write one.");
        if (token == TOKEN_OPEN && array)
                return REFUSE(scanner, scanner->line,
                              "Between [ and ] there can be no brackets. Write ( and ) instead of [ and ].");
        if (token == TOKEN_CLOSE && scanner->last == TOKEN_COMMA)
                return REFUSE(scanner, scanner->last_line,
                              "Nothing follows the last comma before '%c'. Remove the comma.", *scanner->p);
        return 0;
}

/* In a file or between { and }: NAME = VALUE; where the ; can be a comma or nothing. */
static int check_order_in_group(const Scanner *scanner, Token token) {
        if (scanner->last == TOKEN_NAME && token != TOKEN_EQUALS)
                return REFUSE(scanner, scanner->last_line, "There is no '=' behind '%s'. Write %s = VALUE;",
                              scanner->name, scanner->name);
        if (scanner->last == TOKEN_EQUALS && !token_begins_value(token) && token != TOKEN_NAME)
                return REFUSE(scanner, scanner->last_line, "There is no value behind '='. Write NAME = VALUE;");
        if (token == TOKEN_EQUALS && scanner->last != TOKEN_NAME)
                return REFUSE(scanner, scanner->line, "There is no name in front of this '%c'. Write NAME = VALUE;",
                              *scanner->p);
        if (token_begins_value(token) && scanner->last != TOKEN_EQUALS)
                return REFUSE(scanner, scanner->line, "There is no name in front of this value. Write NAME = VALUE;");
        if ((token == TOKEN_COMMA || token == TOKEN_SEMICOLON) && !token_ends_value(scanner->last))
                return REFUSE(scanner, scanner->line, "This '%c' ends nothing. Remove it.", *scanner->p);
        return 0;
}

/*
 * Whether the token that begins here may follow what stands before it. libconfig would notice by itself, but could not
 * say what is wrong, and would lose memory: version 1.5 forgets the string that it has in hand at a syntax error.
 */
static int scanner_check_order(Scanner *scanner, Token token) {
        if (++scanner->n_tokens > SCAN_TOKENS_MAX)
                return REFUSE(scanner, scanner->line, "The file has more than %d words and signs. Make it shorter.",
                              SCAN_TOKENS_MAX);
        if (token == TOKEN_STRING && scanner->last == TOKEN_STRING) /* strings in a row are one */
                return 0;
        return scanner_in_list(scanner) ? check_order_in_list(scanner, token) : check_order_in_group(scanner, token);
}

static void scanner_pass(Scanner *scanner, Token token) {
        scanner->last = token;
        scanner->last_line = scanner->line;
}

/* The word that begins at `p`, for a sentence. */
static const char *scanner_quote(const Scanner *scanner, char buffer[static QUOTE_MAX]) {
        char word[4 * QUOTE_MAX];
        size_t n = 0;

        while (n < sizeof word - 1 && scanner->p + n < scanner->end && !strchr(" \t\r\n;,\"(){}[]", scanner->p[n]))
                n++;
        memcpy(word, scanner->p, n);
        word[n] = '\0';
        utf8_copy_plain(buffer, QUOTE_MAX, word);
        return buffer;
}

static int scanner_refuse_bare(const Scanner *scanner) {
        static const char *const booleans[][2] = {
                { "yes", "true" }, { "on", "true" }, { "no", "false" }, { "off", "false" },
        };
        char word[QUOTE_MAX];

        (void) scanner_quote(scanner, word);
        for (size_t i = 0; i < ELEMENTSOF(booleans); i++)
                if (strcasecmp(word, booleans[i][0]) == 0)
                        return REFUSE(scanner, scanner->line, "'%s' is not a value here. Write %s.", word,
                                      booleans[i][1]);
        return REFUSE(scanner, scanner->line, "'%s' is not a number and not true or false. Put it in quotes: \"%s\".",
                      word, word);
}

static int scan_comment(Scanner *scanner) {
        unsigned begin = scanner->line;

        if (scanner->p[1] != '*') {
                while (scanner->p < scanner->end && *scanner->p != '\n')
                        scanner->p++;
                return 0;
        }
        for (scanner->p += 2; scanner->p < scanner->end; scanner->p++) {
                if (scanner->p[0] == '*' && scanner->p[1] == '/') {
                        scanner->p += 2;
                        return 0;
                }
                if (*scanner->p == '\n')
                        scanner->line++;
        }
        return REFUSE(scanner, begin, "The comment that begins here has no end. Close it with */.");
}

static int scan_string(Scanner *scanner) {
        int r;

        r = scanner_check_order(scanner, TOKEN_STRING);
        if (r < 0)
                return r;
        if (scanner->last != TOKEN_STRING) {
                r = scanner_add_value(scanner);
                if (r < 0)
                        return r;
        }
        for (scanner->p++; scanner->p < scanner->end && *scanner->p != '\n'; scanner->p++) {
                if (*scanner->p == '"') {
                        scanner->p++;
                        scanner_pass(scanner, TOKEN_STRING);
                        return 0;
                }
                if (*scanner->p != '\\')
                        continue;
                scanner->p++;
                if ((*scanner->p == 'x' || *scanner->p == 'X') && scanner->p[1] == '0' && scanner->p[2] == '0')
                        return REFUSE(scanner, scanner->line, "A string cannot have the byte \\x00. Remove it.");
                if (scanner->p >= scanner->end || *scanner->p == '\n')
                        break;
        }
        return REFUSE(scanner, scanner->line, "A string on this line has no end. Close it with a second '\"'.");
}

static int scan_name(Scanner *scanner) {
        const char *begin = scanner->p;
        size_t n = 0;
        bool boolean;
        int r;

        while (scanner->p + n < scanner->end && (isalnum((unsigned char) begin[n]) || strchr("-_*", begin[n])))
                n++;
        boolean = (n == 4 && strncasecmp(begin, "true", n) == 0) || (n == 5 && strncasecmp(begin, "false", n) == 0);
        if (!boolean && (scanner->last == TOKEN_EQUALS || scanner_in_list(scanner)))
                return scanner_refuse_bare(scanner);
        r = scanner_check_order(scanner, boolean ? TOKEN_BOOLEAN : TOKEN_NAME);
        if (r < 0)
                return r;
        if (boolean) {
                r = scanner_add_value(scanner);
                if (r < 0)
                        return r;
        }
        (void) scanner_quote(scanner, scanner->name);
        if (n < sizeof scanner->name)
                scanner->name[n] = '\0';
        scanner->p += n;
        scanner_pass(scanner, boolean ? TOKEN_BOOLEAN : TOKEN_NAME);
        return 0;
}

/* [+-]digits, with up to two L behind: the value must fit 32 bits, whatever stands behind. */
static int check_decimal(const Scanner *scanner, const char *word, bool *ret_matches) {
        const char *digits = word + (*word == '-' || *word == '+'), *p = digits;
        uint64_t value = 0;

        for (; isdigit((unsigned char) *p); p++)
                if (value <= INT32_MAX)
                        value = 10 * value + (uint64_t) (*p - '0');
        *ret_matches = p > digits && (*p == '\0' || strcmp(p, "L") == 0 || strcmp(p, "LL") == 0);
        if (!*ret_matches)
                return 0;
        if (value > INT32_MAX)
                return REFUSE(scanner, scanner->line,
                              "The number %s is too large: bare numbers end at %d. Where larger ones can be used "
                              "they stand in quotes: \"%.*s\".", word, INT32_MAX, (int) (p - word), word);
        if (digits[0] == '0' && p > digits + 1)
                return REFUSE(scanner, scanner->line, "The number %s begins with a zero. Write it without.", word);
        return 0;
}

static int check_hexadecimal(const Scanner *scanner, const char *word, bool *ret_matches) {
        const char *p = word + 2;
        uint64_t value = 0;

        *ret_matches = false;
        if (word[0] != '0' || (word[1] != 'x' && word[1] != 'X') || !isxdigit((unsigned char) *p))
                return 0;
        for (; isxdigit((unsigned char) *p); p++)
                if (value <= INT32_MAX)
                        value = 16 * value + (uint64_t) (isdigit((unsigned char) *p) ? *p - '0' : 10);
        *ret_matches = *p == '\0' || strcmp(p, "L") == 0 || strcmp(p, "LL") == 0;
        if (*ret_matches && value > INT32_MAX)
                return REFUSE(scanner, scanner->line, "The number %s is too large: bare numbers end at 0x7fffffff.",
                              word);
        return 0;
}

/* Digits with a point or an exponent; no key takes one, but then the sentence can name the key. */
static bool is_float(const char *word) {
        const char *p = word + strspn(word, "+-");
        size_t whole, fraction = 0;

        if (p > word + 1)
                return false;
        whole = strspn(p, "0123456789");
        p += whole;
        if (*p == '.') {
                fraction = strspn(p + 1, "0123456789");
                p += 1 + fraction;
        }
        if (whole + fraction == 0)
                return false;
        if (*p == 'e' || *p == 'E') {
                p++;
                p += *p == '-' || *p == '+';
                if (!isdigit((unsigned char) *p))
                        return false;
                p += strspn(p, "0123456789");
        }
        return *p == '\0';
}

static int scan_number(Scanner *scanner) {
        char word[QUOTE_MAX];
        bool matches;
        size_t n = 0;
        int r;

        r = scanner_check_order(scanner, TOKEN_NUMBER);
        if (r < 0)
                return r;
        while (scanner->p + n < scanner->end &&
               (isalnum((unsigned char) scanner->p[n]) || strchr("+-._*%:^", scanner->p[n])))
                n++;
        if (n >= sizeof word) {
                if (strspn(scanner->p, "+-0123456789") >= n)
                        return REFUSE(scanner, scanner->line,
                                      "A number of %zu digits is too large: bare numbers end at %d. Where larger "
                                      "ones can be used they stand in quotes.",
                                      n, INT32_MAX);
                return scanner_refuse_bare(scanner);
        }
        memcpy(word, scanner->p, n);
        word[n] = '\0';

        r = check_decimal(scanner, word, &matches);
        if (r >= 0 && !matches)
                r = check_hexadecimal(scanner, word, &matches);
        if (r < 0)
                return r;
        if (!matches && !is_float(word))
                return scanner_refuse_bare(scanner);
        r = scanner_add_value(scanner);
        if (r < 0)
                return r;
        scanner->p += n;
        scanner_pass(scanner, TOKEN_NUMBER);
        return 0;
}

static char bracket_partner(char bracket) {
        return bracket == '(' ? ')' : bracket == '[' ? ']' : '}';
}

static int scan_bracket(Scanner *scanner) {
        char bracket = *scanner->p;
        bool opens = strchr("([{", bracket) != NULL;
        int r;

        r = scanner_check_order(scanner, opens ? TOKEN_OPEN : TOKEN_CLOSE);
        if (r < 0)
                return r;
        if (opens) {
                if (scanner->depth >= SCAN_DEPTH_MAX)
                        return REFUSE(scanner, scanner->line,
                                      "More than %d brackets within each other. No key needs so many.", SCAN_DEPTH_MAX);
                scanner->open[scanner->depth].bracket = bracket;
                scanner->open[scanner->depth++].line = scanner->line;
        } else {
                if (scanner->depth == 0)
                        return REFUSE(scanner, scanner->line, "This '%c' closes nothing. Remove it.", bracket);
                scanner->depth--;
                if (bracket_partner(scanner->open[scanner->depth].bracket) != bracket)
                        return REFUSE(scanner, scanner->line, "This '%c' cannot close the '%c' of line %u. Write '%c'.",
                                      bracket, scanner->open[scanner->depth].bracket,
                                      scanner->open[scanner->depth].line,
                                      bracket_partner(scanner->open[scanner->depth].bracket));
        }
        scanner->p++;
        scanner_pass(scanner, opens ? TOKEN_OPEN : TOKEN_CLOSE);
        return 0;
}

static int scan_sign(Scanner *scanner, Token token) {
        int r;

        r = scanner_check_order(scanner, token);
        if (r < 0)
                return r;
        scanner->p++;
        scanner_pass(scanner, token);
        return 0;
}

/* One token, comment or blank. */
static int scan_next(Scanner *scanner) {
        char c = *scanner->p;

        if (c == '\n')
                scanner->line++;
        if (c == '\n' || c == ' ' || c == '\t' || c == '\r') {
                scanner->p++;
                return 0;
        }
        if (c == '#' || (c == '/' && (scanner->p[1] == '/' || scanner->p[1] == '*')))
                return scan_comment(scanner);
        if (c == '"')
                return scan_string(scanner);
        if (isalpha((unsigned char) c) || c == '*')
                return scan_name(scanner);
        if (isdigit((unsigned char) c) || strchr("+-.", c))
                return scan_number(scanner);
        if (strchr("(){}[]", c))
                return scan_bracket(scanner);
        if (c == '=' || c == ':')
                return scan_sign(scanner, TOKEN_EQUALS);
        if (c == ',')
                return scan_sign(scanner, TOKEN_COMMA);
        if (c == ';')
                return scan_sign(scanner, TOKEN_SEMICOLON);
        return scanner_refuse_bare(scanner);
}

/* Bytes that no text has. @include is looked for in comments too: what it may read must not depend on our scanner. */
static int check_lines(const char *path, const char *text, size_t size, Problem *problem) {
        const char *end = text + size;
        unsigned line = 1;

        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                return problem_set(problem, EINVAL,
                                   "%s:1: The file begins with a byte order mark. Save it as UTF-8 without.", path);
        for (const char *p = text; p < end; line++) {
                const char *newline = memchr(p, '\n', (size_t) (end - p)), *line_end = newline ?: end;

                if (strncmp(p + strspn(p, " \t\r"), "@include", strlen("@include")) == 0)
                        return problem_set(problem, EINVAL,
                                           "%s:%u: @include cannot be used here. Put the other file into the folder "
                                           "of drop-ins, %s.d, under a name that ends with .conf.",
                                           path, line, path);
                while (p < line_end) {
                        const char *tab = p;

                        while (tab < line_end && *tab != '\t' && *tab != '\r')
                                tab++;
                        if (!utf8_is_plain(p, (size_t) (tab - p)))
                                return problem_set(problem, EINVAL,
                                                   "%s:%u: There is a control character on this line, or a byte that "
                                                   "is not UTF-8. Remove it, and save the file as UTF-8.",
                                                   path, line);
                        p = tab < line_end ? tab + 1 : line_end;
                }
                p = newline ? newline + 1 : end;
        }
        return 0;
}

int scan_text(const char *path, const char *text, size_t size, unsigned **ret_lines, size_t *ret_n_lines,
              Problem *problem) {
        Scanner scanner = { .path = path, .p = text, .end = text + size, .line = 1, .problem = problem };
        int r;

        r = check_lines(path, text, size, problem);
        while (r >= 0 && scanner.p < scanner.end)
                r = scan_next(&scanner);
        if (r >= 0 && (scanner.last == TOKEN_NAME || scanner.last == TOKEN_EQUALS))
                r = scanner_check_order(&scanner, TOKEN_NONE);
        if (r >= 0 && scanner.depth > 0)
                r = REFUSE(&scanner, scanner.open[scanner.depth - 1].line,
                           "The '%c' of this line has no end. Close it with '%c'.",
                           scanner.open[scanner.depth - 1].bracket,
                           bracket_partner(scanner.open[scanner.depth - 1].bracket));
        if (r < 0) {
                free(scanner.lines);
                return r;
        }
        *ret_lines = scanner.lines;
        *ret_n_lines = scanner.n_lines;
        return 0;
}
