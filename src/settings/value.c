/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The words of the config files. */

#include "settings/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "base/text.h"
#include "base/utf8.h"
#include "prime/number.h"

#define QUOTE_SIZE 100
#define HOST_NAME_BYTES_MAX 253 /* RFC 1035 */
#define LABEL_BYTES_MAX 63

/* The word, cut to a length that leaves room for the cure. */
static const char *quote(const char *word, char buffer[static QUOTE_SIZE]) {
        utf8_copy_plain(buffer, QUOTE_SIZE, word);
        return buffer;
}

#define QUOTE(word) quote(word, (char[QUOTE_SIZE]) {})

static int take_copy(const char *word, size_t size, char **ret, Problem *problem) {
        char *copy = strndup(word, size);

        if (!copy)
                return problem_set(problem, ENOMEM, "Out of memory.");
        *ret = copy;
        return 0;
}

int value_parse_percent(const char *word, unsigned high, unsigned *ret, Problem *problem) {
        _cleanup_free_ char *digits = NULL;
        size_t n = strlen(word);
        int r;

        if (n < 2 || word[n - 1] != '%')
                return problem_set(problem, EINVAL,
                                   "'%s' is not a percentage. Write digits and a per cent sign: \"50%%\".",
                                   QUOTE(word));
        r = take_copy(word, n - 1, &digits, problem);
        if (r < 0)
                return r;
        r = parse_unsigned(digits, 1, high, ret);
        if (r == -ERANGE)
                return problem_set(problem, ERANGE, "'%s' is not between 1%% and %u%%.", QUOTE(word), high);
        if (r < 0)
                return problem_set(problem, EINVAL,
                                   "'%s' is not a percentage. Write digits and a per cent sign: \"50%%\".",
                                   QUOTE(word));
        return 0;
}

int value_parse_size(const char *word, uint64_t low, uint64_t high, uint64_t *ret, Problem *problem) {
        char low_text[TEXT_SIZE], high_text[TEXT_SIZE];
        uint64_t value;
        int r;

        r = parse_size(word, &value);
        if (r == -EINVAL)
                return problem_set(problem, EINVAL, "'%s' is not a size. Write digits and K, M, G or T: \"512M\".",
                                   QUOTE(word));
        if (r < 0 || value < low || value > high)
                return problem_set(problem, ERANGE, "'%s' is not between %s and %s.", QUOTE(word),
                                   text_bytes(low, low_text), text_bytes(high, high_text));
        *ret = value;
        return 0;
}

/* Digits at `*p`, which is moved behind them; false if there are none, or too many to be a processor's number. */
static bool take_cpu(const char **p, unsigned *ret) {
        const char *begin = *p;
        unsigned value = 0;

        for (; isdigit((unsigned char) **p); (*p)++) {
                value = 10 * value + (unsigned) (**p - '0');
                if (value >= VALUE_CPUS_MAX)
                        return false;
        }
        *ret = value;
        return *p > begin;
}

int value_parse_cpu_list(const char *word, uint8_t **ret, size_t *ret_size, Problem *problem) {
        uint8_t map[VALUE_CPUS_MAX / 8] = {}, *copy;
        unsigned first, last, highest = 0;
        const char *p = word;

        for (;;) {
                p += strspn(p, " ");
                if (!take_cpu(&p, &first))
                        goto refuse;
                last = first;
                if (*p == '-') {
                        p++;
                        if (!take_cpu(&p, &last) || last < first)
                                goto refuse;
                }
                for (unsigned i = first; i <= last; i++)
                        map[i / 8] |= (uint8_t) (1U << (i % 8));
                highest = MAX(highest, last);
                if (*p != ',' && *p != ' ')
                        break;
                p += strspn(p, " ");
                if (*p == ',')
                        p++;
                else if (*p == '\0')
                        break;
        }
        if (*p != '\0')
                goto refuse;
        copy = malloc(highest / 8 + 1);
        if (!copy)
                return problem_set(problem, ENOMEM, "Out of memory.");
        memcpy(copy, map, highest / 8 + 1);
        *ret = copy;
        *ret_size = highest / 8 + 1;
        return 0;
refuse:
        return problem_set(problem, EINVAL, "'%s' is not a list of processors. Write numbers from 0 to %d and "
                                            "ranges: \"0-3,6\".", QUOTE(word), VALUE_CPUS_MAX - 1);
}

int value_parse_cpu_weight(const char *word, uint64_t *ret, Problem *problem) {
        unsigned value;

        if (strcmp(word, "idle") == 0) {
                *ret = 0;
                return 0;
        }
        if (parse_unsigned(word, 1, 10000, &value) < 0)
                return problem_set(problem, EINVAL,
                                   "'%s' is not a weight. Write a number from 1 to 10000, or \"idle\".", QUOTE(word));
        *ret = value;
        return 0;
}

/* An IPv6 address, with %INTERFACE behind it or not. */
static bool is_ipv6(const char *text) {
        char address[INET6_ADDRSTRLEN];
        size_t n = strcspn(text, "%");
        struct in6_addr ignored;

        if (n >= sizeof address)
                return false;
        memcpy(address, text, n);
        address[n] = '\0';
        if (inet_pton(AF_INET6, address, &ignored) != 1)
                return false;
        if (text[n] == '\0')
                return true;
        text += n + 1;
        return *text != '\0' && strlen(text) < IFNAMSIZ && strpbrk(text, " /%:[]") == NULL;
}

static bool is_ipv4(const char *text) {
        struct in_addr ignored;

        return inet_pton(AF_INET, text, &ignored) == 1;
}

/* A name that DNS or mDNS can resolve; what has digits and dots only has to be an address. */
static bool is_host_name(const char *text) {
        size_t n = strlen(text), label = 0;

        if (n == 0 || n > HOST_NAME_BYTES_MAX || strspn(text, "0123456789.") == n)
                return false;
        for (const char *p = text; *p != '\0'; p++) {
                if (*p == '.') {
                        if (label == 0)
                                return false;
                        label = 0;
                        continue;
                }
                if (!isalnum((unsigned char) *p) && *p != '_' && (*p != '-' || label == 0))
                        return false;
                if (++label > LABEL_BYTES_MAX)
                        return false;
        }
        return true;
}

/*
 * Cuts "HOST", "HOST:PORT", "[IPV6]", "[IPV6]:PORT" into the host without brackets, which the caller frees and has to
 * check, and the port, which stays as it is if there is none.
 */
static int split_address(const char *word, char **ret_host, bool *ret_brackets, uint16_t *ret_port, Problem *problem) {
        _cleanup_free_ char *host = NULL;
        const char *rest;
        unsigned port;
        int r;

        *ret_brackets = *word == '[';
        if (*ret_brackets) {
                rest = strchr(word, ']');
                if (!rest)
                        return problem_set(problem, EINVAL, "'%s' lacks its ']'.", QUOTE(word));
                r = take_copy(word + 1, (size_t) (rest - word - 1), &host, problem);
                rest++;
        } else {
                rest = word + strcspn(word, ":");
                if (*rest == ':' && strchr(rest + 1, ':'))
                        return problem_set(problem, EINVAL, "'%s' is not an address. Put IPv6 in brackets: "
                                                            "\"[fe80::1%%eth0]:%d\".",
                                           QUOTE(word), SETTINGS_PORT_DEFAULT);
                r = take_copy(word, (size_t) (rest - word), &host, problem);
        }
        if (r < 0)
                return r;
        if (*rest != '\0') {
                if (*rest != ':' || parse_unsigned(rest + 1, 1, UINT16_MAX, &port) < 0)
                        return problem_set(problem, EINVAL,
                                           "'%s' has no port that is a number from 1 to 65535. Write \":%d\" behind "
                                           "the host, or nothing.",
                                           QUOTE(word), SETTINGS_PORT_DEFAULT);
                *ret_port = (uint16_t) port;
        }
        *ret_host = TAKE_PTR(host);
        return 0;
}

int value_parse_address(const char *word, SettingsAddress *ret, Problem *problem) {
        _cleanup_free_ char *host = NULL;
        uint16_t port = SETTINGS_PORT_DEFAULT;
        bool brackets;
        int r;

        r = split_address(word, &host, &brackets, &port, problem);
        if (r < 0)
                return r;
        if (brackets ? !is_ipv6(host) : !is_ipv4(host) && !is_host_name(host))
                return problem_set(problem, EINVAL, "'%s' is neither a host name nor an address. Write \"pi.local\", "
                                                    "\"10.0.0.1:%d\" or \"[fe80::1%%eth0]:%d\".",
                                   QUOTE(word), SETTINGS_PORT_DEFAULT, SETTINGS_PORT_DEFAULT);
        *ret = (SettingsAddress) { .host = TAKE_PTR(host), .port = port };
        return 0;
}

int value_parse_listen(const char *word, char **ret, Problem *problem) {
        _cleanup_free_ char *host = NULL;
        uint16_t port = SETTINGS_PORT_DEFAULT;
        unsigned bare;
        bool brackets;
        char *text;
        int r;

        if (parse_unsigned(word, 1, UINT16_MAX, &bare) == 0)
                r = asprintf(&text, "%u", bare);
        else {
                r = split_address(word, &host, &brackets, &port, problem);
                if (r < 0)
                        return r;
                if (brackets ? !is_ipv6(host) : !is_ipv4(host))
                        return problem_set(problem, EINVAL,
                                           "'%s' is neither a port nor an address of this host. Write \"%d\", "
                                           "\"192.168.1.5:%d\" or \"[fe80::1%%eth0]:%d\".",
                                           QUOTE(word), SETTINGS_PORT_DEFAULT, SETTINGS_PORT_DEFAULT,
                                           SETTINGS_PORT_DEFAULT);
                r = brackets ? asprintf(&text, "[%s]:%" PRIu16, host, port)
                             : asprintf(&text, "%s:%" PRIu16, host, port);
        }
        if (r < 0)
                return problem_set(problem, ENOMEM, "Out of memory.");
        *ret = text;
        return 0;
}

int value_parse_name(const char *word, char **ret, Problem *problem) {
        size_t n = strlen(word);

        if (n == 0 || n > VALUE_NAME_MAX || word[0] == ' ' || word[n - 1] == ' ')
                return problem_set(problem, EINVAL,
                                   "'%s' cannot be a name. Write 1 to %d bytes without a blank at either end.",
                                   QUOTE(word), VALUE_NAME_MAX);
        return take_copy(word, n, ret, problem);
}

int value_parse_folder(const char *word, char **ret, Problem *problem) {
        _cleanup_free_ char *path = NULL;
        size_t n = 0;

        if (word[0] != '/' || strlen(word) > VALUE_PATH_MAX)
                return problem_set(problem, EINVAL,
                                   "'%s' is not an absolute path of at most %d bytes. Write for example "
                                   "\"/var/lib/primed\".",
                                   QUOTE(word), VALUE_PATH_MAX);
        path = malloc(strlen(word) + 1);
        if (!path)
                return problem_set(problem, ENOMEM, "Out of memory.");
        for (const char *p = word; *p != '\0';) {
                size_t part = strcspn(p, "/");

                if (part == 0) {
                        p++;
                        continue;
                }
                if ((part == 1 && p[0] == '.') || (part == 2 && p[0] == '.' && p[1] == '.'))
                        return problem_set(problem, EINVAL, "'%s' has '.' or '..' in it. Write the path without.",
                                           QUOTE(word));
                path[n++] = '/';
                memcpy(path + n, p, part);
                n += part;
                p += part;
        }
        if (n == 0)
                return problem_set(problem, EINVAL, "'%s' is the root folder. Choose a folder below it.", QUOTE(word));
        path[n] = '\0';
        *ret = TAKE_PTR(path);
        return 0;
}

int value_parse_integer(const char *word, char **ret, Problem *problem) {
        _cleanup_mpz_ mpz_t number;
        int r;

        mpz_init(number);
        r = number_parse(number, word, problem);
        if (r < 0)
                return r;
        return take_copy(word, strlen(word), ret, problem);
}
